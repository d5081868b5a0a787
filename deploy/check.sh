#!/bin/sh
# Check the files in this folder with the programs that read them. Usage: check.sh FOLDER_OF_PROGRAMS
# The folder is that of a virtual environment with requirements.txt; systemd-analyze is the system's.
set -eu
here=$(dirname "$0")
programs=$1
copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT

cp "$here"/systemd/*.service "$here"/systemd/*.timer "$copies"
sed -i 's#/opt/participant-kit/bin/pkit#/bin/true#' "$copies"/*.service
systemd-analyze verify --man=no "$copies"/*
for unit in "$copies"/*.service; do
    case $unit in
    *runner* | *rehearsal*) most=40 ;; # in tenths: it makes sandboxes, see the unit
    *) most=15 ;;
    esac
    systemd-analyze security --offline=yes --no-pager --threshold="$most" "$unit" | tail -n 1
done
"$programs/hadolint" "$here"/containers/*
for file in "$here"/kubernetes/*.yaml; do
    "$programs/kubernetes-validate" --strict --kubernetes-version 1.33 "$file"
done
sh -n "$here/slurm/runner.sbatch"
echo "All files in $here are as their programs want them."
