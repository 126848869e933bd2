#!/bin/sh
# Walks through the API of a running manager, with a throw-away user, and says what does not work.
#
#   tests/smoke.sh [http://127.0.0.1:3000]
#
# With PB_API_TOKEN set, it is sent along. Exit status 1 when anything failed. To be run on the
# manager's own machine: the instance itself listens on loopback only.

API=${1:-http://127.0.0.1:3000}
API=${API%/}
TOKEN=$(printf '%s' "${PB_API_TOKEN:-}" | sed 's/[\\"]/\\&/g')
USER_ID="smoke-$(date +%s)-$$"
FAILED=0
STATUS=
BODY=

# call METHOD URL [BODY]: sets STATUS and BODY
call() {
    set -- "$1" "$2" "${3:-}" -s -m 60 -X "$1" -w '\n%{http_code}'
    url=$2 body=$3
    shift 3
    [ -n "$body" ] && set -- "$@" -H 'Content-Type: application/json' -d "$body"
    # the token goes to the manager only, and not on the command line
    case $url in "$API"/*) [ -n "$TOKEN" ] && set -- "$@" -K - ;; esac
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" | curl "$@" "$url")
    STATUS=$(printf '%s\n' "$answer" | tail -n 1)
    BODY=$(printf '%s\n' "$answer" | sed '$d')
}

# expect NAME STATUS TEXT...: the last answer has this HTTP status and all of these texts
expect() {
    name=$1 wanted=$2
    shift 2
    if [ "$STATUS" != "$wanted" ]; then
        fail "$name" "HTTP status $STATUS instead of $wanted"
        return
    fi
    for text in "$@"; do
        case $BODY in
            *"$text"*) ;;
            *)
                fail "$name" "no $text"
                return
                ;;
        esac
    done
    echo "ok    $name"
}

fail() {
    echo "FAIL  $1: $2; the answer: $BODY"
    FAILED=1
}

stop_at_the_end() {
    call POST "$API/api/users/$USER_ID/stop_pb" >/dev/null
}

echo "manager $API, user $USER_ID"
call GET "$API/health/pb"
expect "health of the manager" 200 '"status":"ok"' '"total_instances":' '"running_instances":'
if [ "$STATUS" = 000 ]; then
    echo "no manager answers at $API"
    exit 1
fi
trap stop_at_the_end EXIT
trap 'exit 1' INT TERM

call GET "$API/api/users/$USER_ID/pb_status"
expect "status of an unknown user" 200 "\"user_id\":\"$USER_ID\"" '"instance":null'
call POST "$API/api/users/$USER_ID/stop_pb"
expect "stop of an unknown user" 404 '"success":false' '"code":"not_found"'
call POST "$API/api/users/..bad/init_pb"
expect "a bad user id" 400 '"success":false' '"code":"invalid_user_id"' '"instance":null'
call POST "$API/api/users/$USER_ID/init_pb" '{"force_restart": "yes"}'
expect "a bad body" 400 '"success":false' '"code":"invalid_request"'

call POST "$API/api/users/$USER_ID/init_pb" '{"force_restart": false}'
expect "init" 200 '"success":true' '"status":"Running"' "\"user_id\":\"$USER_ID\""
[ "$FAILED" = 0 ] || exit 1
URL=$(printf '%s' "$BODY" | sed -n 's/.*"url":"\([^"]*\)".*/\1/p')
call GET "$URL/api/health"
expect "health of the instance at $URL" 200 'API is healthy'
call POST "$API/api/users/$USER_ID/init_pb"
expect "init again, without a body" 200 '"success":true' "\"url\":\"$URL\""
call GET "$API/api/users/$USER_ID/pb_status"
expect "status" 200 '"status":"Running"' "\"url\":\"$URL\""
call GET "$API/api/pb_instances?limit=10000"
expect "list" 200 "\"$USER_ID\":{" '"count":' '"total":'
call POST "$API/api/users/$USER_ID/init_pb" '{"force_restart": true}'
expect "restart" 200 '"success":true' '"status":"Running"'

call POST "$API/api/users/$USER_ID/stop_pb"
expect "stop" 200 '"success":true' '"message":"PocketBase instance stopped successfully"'
call POST "$API/api/users/$USER_ID/stop_pb"
expect "stop again" 200 '"success":true'
call GET "$API/api/users/$USER_ID/pb_status"
expect "status after the stop" 200 '"status":"Stopped"' '"url":null'
call GET "$URL/api/health"
expect "the instance is gone" 000

[ "$FAILED" = 0 ] && echo "everything works"
exit "$FAILED"
