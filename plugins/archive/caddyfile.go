package archive

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// UnmarshalCaddyfile sets up the archive from Caddyfile tokens:
//
//	archive {
//	    directory <path>
//	    s3 {
//	        bucket            <name>
//	        region            <region>
//	        endpoint          <url>
//	        path_style
//	        access_key_id     <id>
//	        secret_access_key <key>
//	        session_token     <token>
//	    }
//	    prefix         <folders>
//	    events         <system_events...>
//	    content        event|system_event
//	    sync
//	    fsync
//	    compression    gzip|zstd|none
//	    max_size       <size>
//	    max_age        <duration>
//	    flush_interval <duration>
//	    max_spool      <size>
//	}
func (a *Archive) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.ReadModule(d, "plugin", nil,
		caddyblock.String("directory", &a.Directory),
		caddyblock.Once("s3", &a.S3, (*S3).unmarshal),
		caddyblock.String("prefix", &a.Prefix),
		caddyblock.Strings("events", &a.Events),
		caddyblock.String("content", &a.Content),
		caddyblock.Flag("sync", &a.Sync),
		caddyblock.Flag("fsync", &a.Fsync),
		caddyblock.String("compression", &a.Compression),
		caddyblock.Size("max_size", &a.MaxSize),
		caddyblock.Duration("max_age", &a.MaxAge),
		caddyblock.Duration("flush_interval", &a.FlushInterval),
		caddyblock.Size("max_spool", &a.MaxSpool),
	)
}

func (c *S3) unmarshal(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "s3",
		caddyblock.String("bucket", &c.Bucket),
		caddyblock.String("region", &c.Region),
		caddyblock.String("endpoint", &c.Endpoint),
		caddyblock.Flag("path_style", &c.PathStyle),
		caddyblock.String("access_key_id", &c.AccessKeyID),
		caddyblock.String("secret_access_key", &c.SecretAccessKey),
		caddyblock.String("session_token", &c.SessionToken),
	)
}
