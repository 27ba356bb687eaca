#!/bin/sh
# R cannot catch SIGTERM. This shell can, and ends R's input, which R takes for the goodbye it is.
room=$(mktemp -d) && mkfifo "$room/calls" || exit 1
exec 3<&0
(exec >"$room/calls"; rm -r "$room"; exec cat <&3) &
calls=$!
trap 'kill "$calls"' TERM INT
Rscript "$(dirname "$0")/worker.R" <"$room/calls" &
worker=$!
# A signal ends the wait, and not the worker.
while kill -0 "$worker" 2>/dev/null; do wait "$worker"; status=$?; done
exit "$status"
