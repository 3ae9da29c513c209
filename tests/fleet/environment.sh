# What the programs that run a fleet need to know. Sourced from the root of the tree, not run.

source tests/edge/environment.sh
export LATENTCTL_BINARY=${LATENTCTL_BINARY:-$PWD/build/release/client/cli/latentctl}
export LATENTD_TOXIPROXY LATENTD_GOLDEN_MODELS=$PWD/tests/golden/pipelines/models
export PYTHONPATH=$PWD/tests/fleet:$PYTHONPATH
