#!/bin/sh
# Starts postil with an isolated interpreter. A shell script, because any Python script would first import whatever
# sitecustomize.py or postil/ the user's PYTHONPATH or working directory offers; -I must be there from the start.
self=$(readlink -f -- "$0") || self=$0
here=${self%/*}
for python in "$here/python3" "$here/python"; do
  [ -x "$python" ] && exec "$python" -I -m postil "$@"
done
echo "postil: no Python beside $self; install postil in a virtual environment, with pipx or with 'uv tool install'" >&2
exit 2
