#!/bin/bash
# One command for a whole Ray cluster; RAY_ADDRESS names it, as in RAY_ADDRESS=10.0.0.1:6379 bash ray.sh
# On the first machine: ray start --head. On the others: ray start --address=10.0.0.1:6379

alref batch "${SOURCE:-videos.csv}" "${EXPRESSION:-the dog}" --out "${STORE:-results}" --runner ray ${JOBS:+--jobs "$JOBS"}
