#!/bin/sh
# Builds caddy with the Event Gateway of this checkout, the way its users build it; with "run" also starts it on
# Caddyfile.example.
#
#   ./xcaddy.sh [build [args...]]  build ./caddy ($OUTPUT to put it elsewhere); xcaddy gets the args, such as --with
#                                  example.com/provider to have a provider of yours in it
#   ./xcaddy.sh run [args...]      build, then: caddy run --config Caddyfile.example args...
set -eu
cd "$(dirname "$0")"

module=github.com/eventgateway/eventgateway
output=${OUTPUT:-./caddy}

build() {
	# Caddy itself in the version that go.mod names.
	version=$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)
	# The module is replaced by this checkout. Without ",direct" behind it, a proxy that does not know the module ends the
	# search there, instead of asking the repository's host for it.
	GOPROXY=$(go env GOPROXY | sed 's/[,|]direct$//')"|off" \
		go tool xcaddy build "$version" --output "$output" \
		--with "$module/caddymodule" --replace "$module=$PWD" "$@"
}

case "${1:-build}" in
build)
	[ $# -eq 0 ] || shift
	build "$@"
	;;
run)
	shift
	build
	exec "$output" run --config Caddyfile.example "$@"
	;;
*)
	echo "usage: $0 [build [arguments of xcaddy build...] | run [arguments of caddy run...]]" >&2
	exit 2
	;;
esac
