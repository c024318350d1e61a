package archive

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
)

const second = caddy.Duration(time.Second)

func TestCaddyfile(t *testing.T) {
	const whole = `archive {
		directory /var/lib/events
		s3 {
			bucket            my-events
			region            eu-central-1
			endpoint          https://s3.example.com
			path_style
			access_key_id     {env.KEY_ID}
			secret_access_key {env.KEY}
			session_token     {env.TOKEN}
		}
		prefix         raw/{space}/{year}
		events         gateway.event.received gateway.function.invoked
		events         gateway.function.invoking
		content        system_event
		sync
		fsync
		compression    zstd
		max_size       1MiB
		max_age        90s
		flush_interval 2s
		max_spool      1GiB
	}`
	var a Archive
	if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(whole)); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"directory":"/var/lib/events","s3":{"bucket":"my-events","region":"eu-central-1","endpoint":"https://s3.example.com",` +
		`"path_style":true,"access_key_id":"{env.KEY_ID}","secret_access_key":"{env.KEY}","session_token":"{env.TOKEN}"},` +
		`"prefix":"raw/{space}/{year}","events":["gateway.event.received","gateway.function.invoked","gateway.function.invoking"],` +
		`"content":"system_event","sync":true,"fsync":true,"compression":"zstd","max_size":1048576,"max_age":90000000000,` +
		`"flush_interval":2000000000,"max_spool":1073741824}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"archive x":                                   "wrong argument count",
		"archive {\n nope 1\n}":                       `unknown option "nope" of plugin archive`,
		"archive {\n sync yes\n}":                     "wrong argument count",
		"archive {\n sync\n sync\n}":                  "sync is given twice",
		"archive {\n directory\n}":                    "wrong argument count",
		"archive {\n directory a\n directory b\n}":    "directory is given twice",
		"archive {\n events\n}":                       "wrong argument count",
		"archive {\n max_size lots\n}":                `max_size: "lots" is not accepted: want a size`,
		"archive {\n max_age -1s\n}":                  `max_age: "-1s" is not accepted: want a positive duration`,
		"archive {\n s3 x\n}":                         "wrong argument count",
		"archive {\n s3 {\n nope\n}\n}":               `unknown option "nope" of s3`,
		"archive {\n s3 {\n bucket a\n}\n s3 {\n}\n}": "s3 is given twice",
	} {
		var a Archive
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Testfile:") {
			t.Errorf("%q: got %v, want %q and a line", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	valid := []string{
		`{"directory":"/x"}`,
		`{"s3":{"bucket":"b"}}`,
		`{"directory":"/x","prefix":"a=b/{year}-{month}/{day}T{hour}/{space}/","max_size":1024,"max_age":1000000000}`,
		`{"directory":"/x","events":["gateway.event.received","eventgateway.function.invoked"],"compression":"none"}`,
		`{"s3":{"bucket":"b","endpoint":"http://127.0.0.1:9000/path","access_key_id":"a","secret_access_key":"b","session_token":"c"}}`,
	}
	for _, text := range valid {
		var a Archive
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		if err := a.Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`{}`:                                                             "directory: missing",
		`{"directory":"a\u0000"}`:                                        "directory: ",
		`{"directory":"/x","prefix":"{nope}"}`:                           `prefix: "{nope}" is not accepted`,
		`{"directory":"/x","prefix":"a/../b"}`:                           `prefix: "a/../b"`,
		`{"directory":"/x","prefix":"/a"}`:                               `prefix: "/a"`,
		`{"directory":"/x","prefix":"a//b"}`:                             `prefix: "a//b"`,
		`{"directory":"/x","prefix":".open"}`:                            `prefix: ".open"`,
		`{"directory":"/x","prefix":"a{year"}`:                           `prefix: "a{year"`,
		`{"directory":"/x","prefix":"` + strings.Repeat("x", 513) + `"}`: "prefix: 513 bytes",
		`{"directory":"/x","events":["user.created"]}`:                   `events[0]: "user.created" is not accepted: want gateway.event.received or`,
		`{"directory":"/x","events":["gateway.event.received","eventgateway.event.received"]}`: `events[1]: "eventgateway.event.received"`,
		`{"directory":"/x","content":"all"}`:                                                   `content: "all" is not accepted: want event or system_event`,
		`{"directory":"/x","compression":"lz4"}`:                                               `compression: "lz4" is not accepted: want gzip or zstd or none`,
		`{"directory":"/x","max_size":1023}`:                                                   "max_size: 1023 is not accepted: want 1024 to 4294967296 bytes",
		`{"directory":"/x","max_size":4294967297}`:                                             "max_size: 4294967297",
		`{"directory":"/x","max_age":1000000}`:                                                 `max_age: "1ms"`,
		`{"directory":"/x","flush_interval":1000000}`:                                          `flush_interval: "1ms" is not accepted: want a duration of 10ms to 1m`,
		`{"directory":"/x","flush_interval":1000000000,"sync":true}`:                           `flush_interval: "1s" is not accepted: want nothing with sync`,
		`{"directory":"/x","max_spool":1000000000}`:                                            "max_spool: 1000000000 is not accepted without s3",
		`{"s3":{"bucket":"b"},"max_spool":1000}`:                                               "max_spool: 1000 is not accepted: want 134217728 or more",
		`{"s3":{}}`:                                                                            `s3.bucket: "" is not accepted`,
		`{"s3":{"bucket":"a/b"}}`:                                                              `s3.bucket: "a/b"`,
		`{"s3":{"bucket":".."}}`:                                                               `s3.bucket: ".."`,
		`{"s3":{"bucket":"b","region":"eu central"}}`:                                          `s3.region: "eu central"`,
		`{"s3":{"bucket":"b","endpoint":"s3.example.com"}}`:                                    "s3.endpoint: not accepted: want an http or https URL",
		`{"s3":{"bucket":"b","endpoint":"https://u:hidden@s3.example.com"}}`:                   "s3.endpoint: not accepted: want an http or https URL",
		`{"s3":{"bucket":"b","access_key_id":"a"}}`:                                            "s3.secret_access_key: missing: want it with s3.access_key_id",
		`{"s3":{"bucket":"b","secret_access_key":"hidden"}}`:                                   "s3.access_key_id: missing: want it with s3.secret_access_key",
		`{"s3":{"bucket":"b","session_token":"hidden"}}`:                                       "s3.access_key_id: missing: want it with s3.session_token",
	} {
		var a Archive
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		err := a.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), want) || eventgateway.KindOf(err) != eventgateway.Invalid {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: a secret is shown: %v", text, err)
		}
	}
}

func TestProvisionExpandsPlaceholders(t *testing.T) {
	t.Setenv("ARCHIVE_TEST", "from-env")
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	a := &Archive{
		Directory: "/x/{env.ARCHIVE_TEST}", Prefix: "{env.ARCHIVE_TEST}/{year}/{space}",
		S3: &S3{Bucket: "{env.ARCHIVE_TEST}", SecretAccessKey: "{env.ARCHIVE_TEST}"},
	}
	if err := a.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if a.Directory != "/x/from-env" || a.Prefix != "from-env/{year}/{space}" || a.S3.Bucket != "from-env" ||
		string(a.S3.SecretAccessKey) != "from-env" {
		t.Errorf("got %q %q %q", a.Directory, a.Prefix, a.S3.Bucket)
	}
	for field, bad := range map[string]*Archive{
		"directory": {Directory: "{env.ARCHIVE_TEST_UNSET}"},
		"prefix":    {Prefix: "{time.now.year}"},
		"s3.bucket": {S3: &S3{Bucket: "{year}"}},
	} {
		if err := bad.Provision(ctx); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// TestSecretsAreMasked formats the settings in all ways; only JSON, which is the configuration, shows secrets.
func TestSecretsAreMasked(t *testing.T) {
	s := S3{Bucket: "b", SecretAccessKey: "hidden", SessionToken: "hidden"}
	text, err := json.Marshal(s)
	if err != nil || !bytes.Contains(text, []byte("hidden")) {
		t.Errorf("got %s, %v", text, err)
	}
	if got := s.SecretAccessKey.LogValue().String(); got != "***" {
		t.Errorf("logged as %q", got)
	}
	if got := s.SecretAccessKey.GoString(); got != `"***"` {
		t.Errorf("formatted as %q", got)
	}
}

func FuzzPrefix(f *testing.F) {
	f.Add("events/{year}/{space}", "blue")
	f.Add("{space}", "..")
	f.Add("a/./{hour}", "x/y")
	f.Fuzz(func(t *testing.T, text, space string) {
		p, err := parsePrefix(text)
		if err != nil {
			return
		}
		folder := p.folder(space, time.Unix(0, 0))
		for part := range strings.SplitSeq(strings.TrimSuffix(folder, "/"), "/") {
			if folder != "" && (part == "" || part == "." || part == ".." || part == hidden) {
				t.Errorf("%q with space %q makes the folder %q", text, space, folder)
			}
		}
	})
}
