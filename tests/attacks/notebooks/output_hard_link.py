# tries: gives the predictions a second name, to change them after they were checked
# success: what is scored is not what was checked
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed output not_a_file
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write(canary)
os.link(f"{output_dir}/predictions.csv", f"{output_dir}/second")
try:
    os.link(f"{data_dir}/train.parquet", f"{output_dir}/third")
    leaked.append("a hard link over a mount")
except OSError:
    pass
