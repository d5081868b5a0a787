# tries: opens the labels by every path: their own, through /proc, beside the data, by a walk
# success: the labels are open
# wall: they are not in the notebook's sandbox at all
# expect: scored
paths = [
    *outside["labels"],
    f"{data_dir}/labels.parquet",
    f"{data_dir}/../labels.parquet",
    "/app/input/ref/labels.parquet",
]
for path in paths:
    for root in ("", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/..", "/proc/1/cwd/../../.."):
        try:
            leaked.append(open(root + path, "rb").read(10))
        except OSError:
            pass
for folder, folders, files in os.walk("/"):
    folders[:] = [one for one in folders if f"{folder}/{one}" not in ("//proc", "//usr", "//opt")]
    leaked += [f"{folder}/{one}" for one in files if one.startswith("labels") and one.endswith(".parquet")]
