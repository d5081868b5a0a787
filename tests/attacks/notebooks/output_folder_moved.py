# tries: puts a link to the data in the place of the whole output folder
# success: a file of the data is taken for the predictions
# wall: the folder is inside; the only file of that name is one that the notebook wrote
# expect: failed output not_a_file
# predictions: own
os.rename(output_dir, f"{output_dir}-before")
os.symlink(data_dir, output_dir)
