#!/bin/sh
# Starts postil with an isolated interpreter. A shell script, because any Python script would first import whatever
# sitecustomize.py or postil/ the user's PYTHONPATH or working directory offers; -I must be there from the start.
# `command -p` finds readlink in the system's folders: PATH may lead into the repository that is being looked at. For the
# same reason a place that is not absolute is not gone to.
self=$(command -p readlink -f -- "$0") || self=$0
here=${self%/*}
case $self in
/*)
  for python in "$here/python3" "$here/python"; do
    [ -x "$python" ] && exec "$python" -I -m postil "$@"
  done
  ;;
esac
echo "postil: no Python beside $self; install postil in a virtual environment, with pipx or with 'uv tool install'" >&2
exit 2
