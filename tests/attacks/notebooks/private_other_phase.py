# tries: opens the tables of other phases, which it may see only when they are open
# success: a table of another phase
# wall: the tables of one phase are mounted, each as a file
# expect: scored
for path in (
    outside["private"],
    f"{outside['private']}/final/test.parquet",
    f"{data_dir}/../final/test.parquet",
    f"{data_dir}/final",
):
    if os.path.exists(path):
        leaked.append(path)
