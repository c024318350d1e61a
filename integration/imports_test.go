package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/eventgateway/eventgateway"

// importRules says what each package may import besides the standard library: packages of this module by their path in
// it ("." is the root), and prefixes of others. A package that is not listed may import everything.
var importRules = map[string]struct{ own, others []string }{
	".":                   {},
	"internal/hamt":       {},
	"internal/caddyblock": {others: []string{"github.com/caddyserver/caddy/v2", "github.com/dustin/go-humanize"}},
	"expression":          {own: []string{"."}, others: []string{"cel.dev/"}},
	"matcher":             {own: []string{".", "internal/hamt", "expression"}},
	"schema":              {own: []string{"."}, others: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	"providers":           {own: []string{".", "providers/egress"}, others: []string{"github.com/caddyserver/caddy/v2"}},
	"providers/egress":    {own: []string{"."}, others: []string{"golang.org/x/net/idna"}},
	"providers/httpcall": {
		own:    []string{".", "providers", "providers/egress"},
		others: []string{"golang.org/x/net/http/httpguts"},
	},
	"providers/internal/tokens": {own: []string{"providers"}},
	"providers/http": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/egress", "providers/httpcall", "providers/internal/tokens",
		},
		others: []string{"github.com/caddyserver/caddy/v2", "golang.org/x/net/http/httpguts", "golang.org/x/oauth2"},
	},
	"providers/awsaccount": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/egress"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/awsfirehose": {
		own:    []string{".", "providers", "providers/awsaccount", "providers/internal/batch"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/awskinesis": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/awsaccount", "providers/internal/batch"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/clienttls": {own: []string{".", "internal/caddyblock"}, others: []string{"github.com/caddyserver/caddy/v2"}},
	"providers/kafka": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/clienttls", "providers/egress"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/twmb/franz-go/"},
	},
	"providers/nats": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/clienttls", "providers/egress"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/nats-io/"},
	},
	"providers/awslambda": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/awsaccount"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/googleaccount": {
		own:    []string{".", "providers", "providers/egress", "providers/httpcall", "providers/internal/tokens"},
		others: []string{"cloud.google.com/go/"},
	},
	"providers/googlecloudfunctions": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/googleaccount", "providers/httpcall"},
		others: []string{"github.com/caddyserver/caddy/v2"},
	},
	"providers/googlepubsub": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/googleaccount", "providers/httpcall",
			"providers/internal/batch",
		},
		others: []string{"github.com/caddyserver/caddy/v2"},
	},
	"providers/azureaccount": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/egress", "providers/httpcall", "providers/internal/tokens",
		},
		others: []string{"github.com/caddyserver/caddy/v2", "golang.org/x/oauth2"},
	},
	"providers/azureeventgrid": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/azureaccount", "providers/httpcall"},
		others: []string{"github.com/caddyserver/caddy/v2", "golang.org/x/net/http/httpguts"},
	},
	"providers/azurefunctions": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/azureaccount", "providers/httpcall"},
		others: []string{"github.com/caddyserver/caddy/v2", "golang.org/x/net/http/httpguts"},
	},
	"providers/openwhisk": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/httpcall"},
		others: []string{"github.com/caddyserver/caddy/v2"},
	},
	"providers/awseventbridge": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/awsaccount", "providers/internal/awsmessage",
			"providers/internal/batch",
		},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/awssns": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/awsaccount", "providers/internal/awsmessage",
			"providers/internal/batch",
		},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/awsstepfunctions": {
		own:    []string{".", "internal/caddyblock", "providers", "providers/awsaccount", "providers/internal/awsmessage"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/internal/awsmessage": {own: []string{".", "providers"}},
	"providers/caddy":               {own: []string{".", "internal/caddyblock", "providers"}, others: []string{"github.com/caddyserver/caddy/v2"}},
	"providers/awssqs": {
		own: []string{
			".", "internal/caddyblock", "providers", "providers/awsaccount", "providers/internal/awsmessage",
			"providers/internal/batch",
		},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/aws/"},
	},
	"providers/internal/batch": {own: []string{"providers"}},
	"providers/weighted": {
		own:    []string{".", "internal/caddyblock", "providers"},
		others: []string{"github.com/caddyserver/caddy/v2"},
	},
	"snapshot": {own: []string{".", "internal/hamt", "matcher", "providers", "schema"}},
	"delivery": {own: []string{".", "expression", "providers"}},
	"delivery/memory": {
		own:    []string{".", "internal/caddyblock", "delivery"},
		others: []string{"github.com/caddyserver/caddy/v2"},
	},
	"delivery/jetstream": {
		own: []string{".", "internal/caddyblock", "delivery"},
		others: []string{
			"github.com/caddyserver/caddy/v2", "github.com/nats-io/", "github.com/fxamacker/cbor/v2",
			"golang.org/x/sync/semaphore", "golang.org/x/sys/",
		},
	},
	"systemevents": {own: []string{".", "expression", "matcher", "delivery", "plugins", "providers", "snapshot"}},
	"plugins/archive": {
		own: []string{".", "internal/caddyblock", "plugins"},
		others: []string{
			"github.com/caddyserver/caddy/v2", "github.com/klauspost/compress/", "github.com/aws/",
			"go.etcd.io/etcd/client/pkg/v3/fileutil",
		},
	},
	"eventsapi": {own: []string{".", "expression", "matcher", "delivery", "schema", "snapshot", "providers"}},
	"configapi": {own: []string{".", "internal/hamt", "expression", "matcher", "providers", "schema", "snapshot", "delivery"}},
	"plugins":   {own: []string{"."}, others: []string{"github.com/caddyserver/caddy/v2"}},
	"plugins/external": {
		own:    []string{".", "internal/caddyblock", "plugins", "plugins/external/proto"},
		others: []string{"github.com/caddyserver/caddy/v2", "github.com/hashicorp/go-", "google.golang.org/grpc"},
	},
	// What a plugin's program has: no Caddy.
	"plugins/external/sdk": {
		own:    []string{".", "plugins/external/proto"},
		others: []string{"github.com/hashicorp/go-plugin", "google.golang.org/grpc"},
	},
	"plugins/external/proto": {
		own:    []string{"."},
		others: []string{"github.com/hashicorp/go-plugin", "google.golang.org/grpc", "google.golang.org/protobuf/"},
	},
	"migrate":          {own: []string{"."}, others: []string{"go.yaml.in/yaml/v3"}},
	"configapi/sealed": {own: []string{".", "configapi"}},
	"configapi/etcdstore": {
		own:    []string{".", "configapi"},
		others: []string{"go.etcd.io/etcd/", "go.uber.org/zap", "google.golang.org/grpc"},
	},
}

func TestImportRules(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := inModule(pkg.ImportPath)
		rule, ok := importRules[name]
		if !ok {
			continue
		}
		seen[name] = true
		for _, path := range pkg.Imports {
			if own := inModule(path); own != "" {
				if !slices.Contains(rule.own, own) {
					t.Errorf("%s imports %s", name, own)
				}
				continue
			}
			standard := !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
			allowed := slices.ContainsFunc(rule.others, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
			if !standard && !allowed {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	for name := range importRules {
		if !seen[name] {
			t.Errorf("package %s has a rule but does not exist", name)
		}
	}
}

// inModule returns a package's path in this module, "." for the root, "" for a package of another module.
func inModule(path string) string {
	if path == module {
		return "."
	}
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	return rest
}
