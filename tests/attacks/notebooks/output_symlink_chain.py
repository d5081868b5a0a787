# tries: makes the predictions a link to a file that only the other side has: the labels, the runner's key
# success: the runner reads through the link
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed output not_a_file
# predictions: own
os.symlink(outside["labels"][0], f"{output_dir}/labels")
os.symlink(f"{output_dir}/labels", f"{output_dir}/predictions.csv")
