package archive

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
)

// expand expands the placeholders of the settings; those of a prefix that are filled in for every file stay.
func (a *Archive) expand() error {
	fields := []struct {
		name  string
		value *string
	}{{"directory", &a.Directory}, {"prefix", &a.Prefix}}
	if c := a.S3; c != nil {
		fields = append(fields, []struct {
			name  string
			value *string
		}{
			{"s3.bucket", &c.Bucket},
			{"s3.region", &c.Region},
			{"s3.endpoint", &c.Endpoint},
			{"s3.access_key_id", &c.AccessKeyID},
			{"s3.secret_access_key", (*string)(&c.SecretAccessKey)},
			{"s3.session_token", (*string)(&c.SessionToken)},
		}...)
	}
	for _, field := range fields {
		own := field.name == "prefix"
		if own && strings.Contains(*field.value, "{time.") {
			return eventgateway.InvalidField("prefix", *field.value,
				"{year}, {month}, {day} and {hour}, which are filled in for every file, in place of {time.…}")
		}
		repl := caddy.NewReplacer()
		if own {
			repl.Map(func(key string) (any, bool) { return "{" + key + "}", slices.Contains(places, key) })
		}
		expanded, err := repl.ReplaceOrErr(*field.value, true, true)
		if err != nil {
			return fmt.Errorf("%s: %w", field.name, err)
		}
		*field.value = expanded
	}
	return nil
}

// Validate reports the first wrong setting. It does no I/O.
func (a *Archive) Validate() error {
	if a.Directory == "" && a.S3 == nil {
		return eventgateway.Errorf(eventgateway.Invalid, "directory: missing: want a directory, or s3 with a bucket")
	}
	if strings.ContainsRune(a.Directory, 0) {
		return eventgateway.InvalidField("directory", a.Directory, "the path of a directory")
	}
	if _, err := parsePrefix(a.Prefix); err != nil {
		return err
	}
	for i, name := range a.Events {
		field := fmt.Sprintf("events[%d]", i)
		if !slices.Contains(eventgateway.SystemEvents, systemEvent(name)) {
			return eventgateway.InvalidField(field, name, oneOf(eventgateway.SystemEvents))
		}
		if slices.ContainsFunc(a.Events[:i], func(other string) bool { return systemEvent(other) == systemEvent(name) }) {
			return eventgateway.InvalidField(field, name, "every system event once")
		}
	}
	if a.Content != "" && a.Content != ContentEvent && a.Content != ContentSystemEvent {
		return eventgateway.InvalidField("content", a.Content, oneOf([]string{ContentEvent, ContentSystemEvent}))
	}
	if _, known := suffixes[a.Compression]; !known && a.Compression != "" {
		return eventgateway.InvalidField("compression", a.Compression, oneOf([]string{CompressionGzip, CompressionZstd, CompressionNone}))
	}
	if err := a.validateLimits(); err != nil {
		return err
	}
	return a.S3.validate()
}

func (a *Archive) validateLimits() error {
	const minSize, maxSize = 1 << 10, 4 << 30
	if n := a.MaxSize; n != 0 && (n < minSize || n > maxSize) {
		return eventgateway.Errorf(eventgateway.Invalid, "max_size: %d is not accepted: want %d to %d bytes", n, minSize, int64(maxSize))
	}
	if age := time.Duration(a.MaxAge); age != 0 && age < time.Second {
		return eventgateway.InvalidField("max_age", age.String(), "a duration of 1s or more")
	}
	switch every := time.Duration(a.FlushInterval); {
	case every != 0 && a.Sync:
		return eventgateway.InvalidField("flush_interval", every.String(), "nothing with sync: an event waits until its line is flushed")
	case every != 0 && (every < 10*time.Millisecond || every > time.Minute):
		return eventgateway.InvalidField("flush_interval", every.String(), "a duration of 10ms to 1m")
	}
	least := 2 * orDefault(a.MaxSize, defaultMaxSize)
	switch {
	case a.MaxSpool != 0 && a.S3 == nil:
		return eventgateway.Errorf(eventgateway.Invalid, "max_spool: %d is not accepted without s3: nothing waits to be uploaded", a.MaxSpool)
	case a.MaxSpool != 0 && a.MaxSpool < least:
		return eventgateway.Errorf(eventgateway.Invalid, "max_spool: %d is not accepted: want %d or more, twice max_size", a.MaxSpool, least)
	}
	return nil
}

func (c *S3) validate() error {
	if c == nil {
		return nil
	}
	if len(c.Bucket) == 0 || len(c.Bucket) > 255 || c.Bucket[0] == '.' || strings.ContainsFunc(c.Bucket, notInBucket) {
		return eventgateway.InvalidField("s3.bucket", c.Bucket, "the name of a bucket: letters, digits, dots, dashes and underscores")
	}
	if strings.ContainsFunc(c.Region, notInBucket) {
		return eventgateway.InvalidField("s3.region", c.Region, "a region such as eu-central-1")
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		// The value is not shown: it may hold a password.
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return eventgateway.Errorf(eventgateway.Invalid, "s3.endpoint: not accepted: want an http or https URL without user, query "+
				"and fragment, such as https://s3.example.com")
		}
	}
	switch {
	case c.AccessKeyID == "" && c.SecretAccessKey != "":
		return missing("s3.access_key_id", "s3.secret_access_key")
	case c.AccessKeyID != "" && c.SecretAccessKey == "":
		return missing("s3.secret_access_key", "s3.access_key_id")
	case c.AccessKeyID == "" && c.SessionToken != "":
		return missing("s3.access_key_id", "s3.session_token")
	}
	return nil
}

func missing(field, with string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want it with %s", field, with)
}

func notInBucket(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '.' && r != '-' && r != '_'
}

// systemEvent returns a system event's own name: eventgateway. is read as the same prefix as gateway.
func systemEvent(name string) string {
	if rest, ok := strings.CutPrefix(name, "eventgateway."); ok {
		return "gateway." + rest
	}
	return name
}

func oneOf(names []string) string { return strings.Join(names, " or ") }
