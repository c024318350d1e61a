package archive

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
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
	d.Next() // the plugin's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "directory":
			err = setString(d, &a.Directory)
		case "s3":
			if a.S3 != nil {
				return d.Errf("%s is given twice", name)
			}
			a.S3 = new(S3)
			err = a.S3.unmarshal(d)
		case "prefix":
			err = setString(d, &a.Prefix)
		case "events":
			if a.Events = append(a.Events, d.RemainingArgs()...); len(a.Events) == 0 {
				err = d.ArgErr()
			}
		case "content":
			err = setString(d, &a.Content)
		case "sync":
			err = setFlag(d, &a.Sync)
		case "fsync":
			err = setFlag(d, &a.Fsync)
		case "compression":
			err = setString(d, &a.Compression)
		case "max_size":
			err = setSize(d, &a.MaxSize)
		case "max_age":
			err = setDuration(d, &a.MaxAge)
		case "flush_interval":
			err = setDuration(d, &a.FlushInterval)
		case "max_spool":
			err = setSize(d, &a.MaxSpool)
		default:
			err = d.Errf("unknown option %q of plugin archive: want directory, s3, prefix, events, content, sync, fsync, "+
				"compression, max_size, max_age, flush_interval or max_spool", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *S3) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "bucket":
			err = setString(d, &c.Bucket)
		case "region":
			err = setString(d, &c.Region)
		case "endpoint":
			err = setString(d, &c.Endpoint)
		case "path_style":
			err = setFlag(d, &c.PathStyle)
		case "access_key_id":
			err = setString(d, &c.AccessKeyID)
		case "secret_access_key":
			err = setString(d, (*string)(&c.SecretAccessKey))
		case "session_token":
			err = setString(d, (*string)(&c.SessionToken))
		default:
			err = d.Errf("unknown option %q of s3: want bucket, region, endpoint, path_style, access_key_id, secret_access_key or "+
				"session_token", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// once reports an error if the setting in the dispenser's current line stands for the second time.
func once(d *caddyfile.Dispenser, unset bool) error {
	if !unset {
		return d.Errf("%s is given twice", d.Val())
	}
	return nil
}

func setFlag(d *caddyfile.Dispenser, to *bool) error {
	if err := once(d, !*to); err != nil {
		return err
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

func setString(d *caddyfile.Dispenser, to *string) error {
	if err := once(d, *to == ""); err != nil {
		return err
	}
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	return nil
}

func setSize(d *caddyfile.Dispenser, to *int64) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<50 {
		return d.Errf("%s: %q is not accepted: want a size such as 64MiB or 10GiB", name, text)
	}
	*to = int64(n)
	return nil
}

func setDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("%s: %q is not accepted: want a positive duration such as 5m", name, text)
	}
	*to = caddy.Duration(v)
	return nil
}
