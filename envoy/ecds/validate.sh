#!/usr/bin/env bash
# Has Envoy, and in it the filter's own parser, read a file such as imagegate.yaml without serving: in CI, and before a rename.
#   envoy/ecds/validate.sh FILE     (in the folder where Envoy starts; ENVOY=path names its program)
#
# `envoy --mode validate -c envoy/ecds.yaml` is not enough: it does not read the file of discovery. This puts the filter into a
# bootstrap of its own. Unknown fields are errors here; Envoy itself takes them in such files, with a warning in its log.
set -euo pipefail

file=${1:?usage: validate.sh FILE}
if [[ ! -r $file ]]; then
  printf '%s: there is no such file, or it cannot be read\n' "$file" >&2
  exit 1
fi
bootstrap=$(mktemp --suffix=.yaml)
trap 'rm -f "$bootstrap"' EXIT
# One resource of this name is what Envoy takes; comments aside, the file begins like that.
head='resources:
  - "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
    name: imagegate
    typed_config:'
if [[ $(sed '/^    typed_config:$/q' "$file" | grep -vE '^ *(#|$)') != "$head" ]]; then
  printf '%s: it must begin with these lines, comments aside:\n%s\n' "$file" "$head" >&2
  exit 1
fi
{
  cat <<'YAML'
static_resources:
  listeners:
    - name: validate
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: validate
                route_config: {}
                http_filters:
                  - name: imagegate
YAML
  sed -n '/^    typed_config:$/,$s/^/                /p' "$file"
  cat <<'YAML'
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
YAML
} >"$bootstrap"
"${ENVOY:-envoy}" --mode validate --log-level error -c "$bootstrap"
