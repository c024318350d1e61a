package httpprovider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 9000)
	header := func(name, value string) Provider {
		return Provider{URL: "http://a", Headers: map[string]string{name: value}}
	}
	many := Provider{URL: "http://a", Headers: map[string]string{}}
	for i := range 65 {
		many.Headers["X-"+strings.Repeat("a", i)] = "1"
	}
	accepted := []Provider{
		{URL: "http://a"},
		{URL: "https://a.example:8443/x/y?z=1"},
		{URL: "http://[::1]:80/"},
		{URL: "HTTP://a"},
		{URL: "http://u:***@a"},
		{URL: "http://a", Method: "GET"},
		{URL: "http://bücher.example/"},
		header("Host", "b.example:81"), header("X-A", ""), header("x-a", "ä"), header("Proxy-Authorization", "x"),
	}
	for _, p := range accepted {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	refused := map[string]struct {
		provider Provider
		field    string
	}{
		"no url":           {Provider{}, "url"},
		"relative":         {Provider{URL: "/x"}, "url"},
		"no scheme":        {Provider{URL: "a.example"}, "url"},
		"other scheme":     {Provider{URL: "ftp://a"}, "url"},
		"no host":          {Provider{URL: "http:///x"}, "url"},
		"only a port":      {Provider{URL: "http://:80/"}, "url"},
		"opaque":           {Provider{URL: "http:a"}, "url"},
		"port 0":           {Provider{URL: "http://a:0"}, "url"},
		"port too high":    {Provider{URL: "http://a:65536"}, "url"},
		"empty port":       {Provider{URL: "http://a:/"}, "url"},
		"port no number":   {Provider{URL: "http://a:b"}, "url"},
		"fragment":         {Provider{URL: "http://a/#x"}, "url"},
		"line break":       {Provider{URL: "http://a/\r\nx"}, "url"},
		"space in host":    {Provider{URL: "http://a b/"}, "url"},
		"too long":         {Provider{URL: "http://a/" + long}, "url"},
		"lower case":       {Provider{URL: "http://a", Method: "post"}, "method"},
		"CONNECT":          {Provider{URL: "http://a", Method: "CONNECT"}, "method"},
		"method injection": {Provider{URL: "http://a", Method: "GET / HTTP/1.1\r\n"}, "method"},
		"empty name":       {header("", "x"), "headers"},
		"name with colon":  {header("A:", "x"), "headers"},
		"long name":        {header(long, "x"), "headers"},
		"CR in value":      {header("A", "x\r\nB: y"), "headers.A"},
		"NUL in value":     {header("A", "x\x00"), "headers.A"},
		"long value":       {header("A", long), "headers.A"},
		"hop by hop":       {header("connection", "close"), "headers.connection"},
		"content length":   {header("Content-Length", "1"), "headers.Content-Length"},
		"encoding":         {header("Accept-Encoding", "gzip"), "headers.Accept-Encoding"},
		"bad host":         {header("Host", "a/b"), "headers.Host"},
		"twice":            {Provider{URL: "http://a", Headers: map[string]string{"x-a": "1", "X-A": "2"}}, "headers.x-a"},
		"too many":         {many, "headers"},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			err := test.provider.Validate()
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.field+":") {
				t.Fatalf("got error %v, want an Invalid one that begins with %q", err, test.field)
			}
			if strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 600 {
				t.Errorf("unfit message %q", err)
			}
		})
	}
}

func TestRefusedURLShowsNoCredential(t *testing.T) {
	for _, url := range []string{
		"ftp://u:s3cret@a", "http://u:s3cret@", "http://u:s3cret@a:port", "http://u:s3cret\n@a", "http://a:x?token=s3cret",
		"http://u:s3cret%zz@a",
	} {
		err := (&Provider{URL: url}).Validate()
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v", url, err)
		}
	}
}

func TestEachSecret(t *testing.T) {
	tests := map[string]struct {
		url, masked string
		names       string
	}{
		"none":            {"https://a/b?c=d#e", "https://a/b?c=d#e", ""},
		"password":        {"https://u:p@a:8443/b", "https://u:***@a:8443/b", "url"},
		"escaped":         {"https://u:p%40%3A@a/?x=%2A", "https://u:***@a/?x=%2A", "url"},
		"password with @": {"https://u:p@q@a/", "https://u:***@a/", "url"},
		"user as token":   {"https://tok@a", "https://***@a", "url"},
		"empty password":  {"https://tok:@a", "https://***:@a", "url"},
		"no user":         {"https://:p@a", "https://:***@a", "url"},
		"empty userinfo":  {"https://@a/", "https://@a/", ""},
		"@ in the path":   {"https://a/u:p@b", "https://a/u:p@b", ""},
		"query": {
			"https://a/?code=1&page=2&api_key=3&code=4#f", "https://a/?code=***&page=2&api_key=***&code=***#f",
			"url?code url?api_key url?code#2",
		},
		"no value": {"https://a/?token&token=", "https://a/?token&token=", ""},
		"no URL":   {"nonsense", "nonsense", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Provider{URL: test.url}
			var names []string
			p.EachSecret(func(name, _ string) string {
				names = append(names, name)
				return "***"
			})
			if p.URL != test.masked || strings.Join(names, " ") != test.names {
				t.Errorf("got %s with %q, want %s with %q", p.URL, names, test.masked, test.names)
			}
			var again []string
			p.EachSecret(func(name, value string) string {
				again = append(again, name)
				if value != "***" {
					t.Errorf("what was masked as %s reads as %q", name, value)
				}
				return value
			})
			if strings.Join(again, " ") != test.names {
				t.Errorf("the masked form has other secrets: %q", again)
			}
		})
	}
	p := &Provider{Headers: map[string]string{
		"authorization": "1", "Cookie": "2", "X-Auth-Token": "3", "X-Tenant": "4", "Proxy-Authorization": "5", "My-Secret": "",
		"apikey": "6",
	}}
	var got []string
	p.EachSecret(func(name, value string) string {
		got = append(got, name+"="+value)
		return "***"
	})
	want := "headers.Cookie=2 headers.Proxy-Authorization=5 headers.X-Auth-Token=3 headers.Apikey=6 headers.Authorization=1"
	if strings.Join(got, " ") != want || p.Headers["X-Tenant"] != "4" || p.Headers["authorization"] != "***" {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzURL holds that taking the secrets out of a URL and putting them back gives the same URL, and that what is accepted
// has its password masked.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://u:p@a/b?code=1#c", "http://a", "http://@@", "://", "http://u:***@a/?token=***&key", "http://u:p@a:b@c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		same := httpcall.EachURLSecret(raw, func(_, value string) string { return value })
		if same != raw {
			t.Fatalf("%q became %q", raw, same)
		}
		u, err := httpcall.ParseURL("url", raw)
		if err != nil {
			return
		}
		masked, err := httpcall.ParseURL("url", httpcall.EachURLSecret(raw, func(string, string) string { return "***" }))
		if err != nil {
			t.Fatalf("the masked form of %q is refused: %v", raw, err)
		}
		if masked.Host != u.Host || masked.Path != u.Path {
			t.Fatalf("masking %q changed more than secrets: %q", raw, masked)
		}
		if password, _ := masked.User.Password(); password != "" && password != "***" {
			t.Fatalf("the password of %q shows", raw)
		}
	})
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no url":           {"http", "needs a url"},
		"two urls":         {"http http://a http://b", "wrong argument count"},
		"url twice":        {"http http://a {\n\turl http://b\n}", "url is given twice, at Testfile:2"},
		"method twice":     {"http http://a {\n\tmethod PUT\n\tmethod GET\n}", "method is given twice, at Testfile:3"},
		"header twice":     {"http http://a {\n\theader X-A 1\n\theader x-a 2\n}", "header x-a is given twice, at Testfile:3"},
		"header no value":  {"http http://a {\n\theader X-A\n}", "wrong argument count"},
		"url no value":     {"http {\n\turl\n}", "wrong argument count"},
		"method two words": {"http http://a {\n\tmethod A B\n}", "wrong argument count"},
		"unknown": {
			"http http://a {\n\n\ttimeout 3s\n}",
			`unknown option "timeout" of provider http: want url, method, header, basic, bearer, oauth2, client_certificate or signing, at Testfile:3`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q in it", err, test.want)
			}
		})
	}
	p := new(Provider)
	err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser("http {\n\turl http://a/{env.X}\n\tmethod PUT\n\theader A \"b c\"\n}"))
	if err != nil || p.URL != "http://a/{env.X}" || p.Method != http.MethodPut || p.Headers["A"] != "b c" {
		t.Errorf("got %+v, error %v", p, err)
	}
}
