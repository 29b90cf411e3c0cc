#!/usr/bin/env bash
# Starts nginx as a CDN in front of a running origin, in the foreground. See README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
origin=http://127.0.0.1:8080 listen=127.0.0.1:8090 dir='' density='' timeout=10 workers=2 while_stdin='' max_radius=''

usage() {
    cat <<'TEXT'
usage: infra/edge/start.sh [--origin URL] [--listen ADDRESS:PORT] [--dir DIR] [--density FILE]
                           [--origin-timeout SECONDS] [--workers N] [--max-radius METRES] [--while-stdin]

  --origin URL         the API; default http://127.0.0.1:8080
  --listen ADDRESS     default 127.0.0.1:8090; port 0 takes a free one
  --dir DIR            keeps the cache here; default: a temporary directory, removed at the end
  --density FILE       the density map: {"data": [{"key": "<collection>:<2 letters>", "value": "<32 digits>"}, …]}
                       as CloudFront imports it, or an object of keys and values; SIGHUP reads it again
  --origin-timeout S   how long to wait for the origin's answer; default 10
  --workers N          nginx processes; default 2
  --max-radius METRES  the longest radius that is taken, as the origin's CELLAR_MAX_RADIUS_M; default 200000
  --while-stdin        ends when standard input does: with the process that started it, however that ended
TEXT
}

fail() {
    echo "edge: $1" >&2
    exit "${2:-1}"
}

while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --while-stdin) while_stdin=yes; shift ;;
        --origin | --listen | --dir | --density | --origin-timeout | --workers | --max-radius)
            [ $# -ge 2 ] || fail "$1 needs a value" 2
            case $1 in
                --origin) origin=${2%/} ;;
                --listen) listen=$2 ;;
                --dir) dir=$2 ;;
                --density) density=$2 ;;
                --origin-timeout) timeout=$2 ;;
                --workers) workers=$2 ;;
                --max-radius) max_radius=$2 ;;
            esac
            shift 2 ;;
        *) usage >&2; fail "there is no argument $1" 2 ;;
    esac
done

[[ $origin =~ ^http://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]+)?$ ]] || fail "--origin must be http://host[:port], not $origin" 2
[[ $listen =~ ^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]+$ ]] || fail "--listen must be address:port, not $listen" 2
[[ $timeout =~ ^[0-9]+$ && $workers =~ ^[0-9]+$ ]] || fail "--origin-timeout and --workers are whole numbers" 2
[[ $max_radius =~ ^([0-9]+(\.[0-9]+)?)?$ ]] || fail "--max-radius is a number of metres, not $max_radius" 2
[ -z "$density" ] || [ -r "$density" ] || fail "cannot read $density" 2

nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
module=${EDGE_NJS_MODULE:-/usr/lib/nginx/modules/ngx_http_js_module.so}
[ -n "$nginx" ] && [ -e "$module" ] || fail "nginx or its njs module is missing; on Debian or Ubuntu: apt-get install nginx-light libnginx-mod-http-js"

temporary=''
if [ -z "$dir" ]; then
    dir=$(mktemp -d "${TMPDIR:-/tmp}/cellar-edge.XXXXXX")
    temporary=$dir
fi
mkdir -p "$dir/cache" "$dir/tmp" "$dir/js"
dir=$(cd "$dir" && pwd)
[[ $dir =~ ^[A-Za-z0-9/._-]+$ ]] || fail "--dir may hold letters, digits and / . _ - only, not $dir" 2

child='' watcher=''
finish() {
    trap '' INT TERM HUP
    trap - EXIT
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    rm -f "$dir/nginx.pid"
    [ -z "$temporary" ] || rm -rf "$temporary"
}
trap finish EXIT
# No `exit` here: a second signal would end the script in the middle of `finish`.
stopping=''
trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' INT TERM

if [ -n "$while_stdin" ]; then
    # By another number: what runs in the background has no standard input.
    exec 3<&0 </dev/null
    { read -r -N 1 -u 3 _ || true; kill -TERM $$; } 2>/dev/null &
    watcher=$!
    exec 3<&-
fi

cp "$here/local/edge.js" "$dir/js/edge.js"
cp "$here/local/cloudfront.js" "$dir/js/cloudfront"
{
    sed "s|^const MAX_RADIUS_M = .*;|const MAX_RADIUS_M = ${max_radius:-200000};|" "$here/function.js"
    echo 'export default { handler };'
} >"$dir/js/function.js"

copy_density() {
    if [ -n "$density" ]; then cp "$density" "$dir/js/density.json"; else echo '{}' >"$dir/js/density.json"; fi
}
copy_density

configure() {
    local user=''
    [ "$(id -u)" -ne 0 ] || user='user root;'
    sed -e "s|@USER@|$user|" -e "s|@MODULE@|$module|" -e "s|@WORKERS@|$workers|" -e "s|@DIR@|$dir|g" \
        -e "s|@LOG_LEVEL@|${EDGE_LOG_LEVEL:-error}|" -e "s|@LISTEN@|$1|" -e "s|@ORIGIN@|http://origin|g" \
        -e "s|@ORIGIN_HOST@|${origin#http://}|g" -e "s|@ORIGIN_TIMEOUT@|${timeout}s|" \
        "$here/local/nginx.conf" >"$dir/nginx.conf"
}

# True when nginx listens; its pid file appears once the socket is bound.
launch() {
    configure "$1"
    rm -f "$dir/nginx.pid"
    "$nginx" -p "$dir" -e stderr -c "$dir/nginx.conf" &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        [ -z "$stopping" ] || exit 0
        [ ! -s "$dir/nginx.pid" ] || return 0
        sleep 0.05
    done
    wait "$child" || true
    child=''
    return 1
}

# A port that nobody listens on; nginx itself knows no port 0.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

if [ "${listen##*:}" -eq 0 ]; then
    started=''
    for _ in 1 2 3 4 5; do
        address=${listen%:*}:$(free_port)
        if launch "$address"; then started=yes; break; fi
    done
    [ -n "$started" ] || fail "nginx did not start"
else
    address=$listen
    launch "$address" || fail "nginx did not start on $address"
fi

echo "listening on http://$address"
trap 'copy_density && kill -HUP "$child"' HUP
# A signal that is handled ends `wait` early.
while kill -0 "$child" 2>/dev/null; do
    wait "$child" && status=0 || status=$?
done
[ -z "$stopping" ] || exit 0
fail "nginx ended with $status"
