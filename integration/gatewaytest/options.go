package gatewaytest

// vars are what a Caddyfile template can use: {{.Events}} etc. are host:port, {{.Port1}}… are free ports.
type vars struct {
	Events, Config, Admin, Data string
	Port1, Port2, Port3         string
	Extra                       map[string]string
}

// DefaultCaddyfile serves both APIs, with everything embedded. It logs at debug level.
const DefaultCaddyfile = `
{
	admin {{.Admin}}
	debug
	event_gateway {
		data_dir {{.Data}}
		{{.Extra.app}}
	}
	{{.Extra.global}}
}
http://{{.Events}} {
	event_gateway
}
http://{{.Config}} {
	event_gateway_config
}
{{.Extra.sites}}
`

// Option changes how a gateway is started.
type Option func(*options)

type options struct {
	caddyfile string
	extra     map[string]string
	env       []string
	dir       string
	unloaded  bool
	unready   bool
}

// Caddyfile uses a template in place of DefaultCaddyfile.
func Caddyfile(template string) Option { return func(o *options) { o.caddyfile = template } }

// Extra sets a variable of the template, as {{.Extra.name}}. DefaultCaddyfile has "app", "global" and "sites".
func Extra(name, text string) Option { return func(o *options) { o.extra[name] = text } }

// Env adds an environment variable.
func Env(name, value string) Option {
	return func(o *options) { o.env = append(o.env, name+"="+value) }
}

// Dir uses a directory that outlives the gateway, to start another one on its data.
func Dir(dir string) Option { return func(o *options) { o.dir = dir } }

// Unloaded does not wait until the configuration is loaded: its store is away.
func Unloaded() Option { return func(o *options) { o.unloaded = true } }

// Unready does not wait until the gateway answers: it is killed while it starts.
func Unready() Option { return func(o *options) { o.unready = true } }
