# tries: makes the predictions a folder named after the data
# success: its names are outside
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed output not_a_file
# predictions: own
os.makedirs(f"{output_dir}/predictions.csv/{canary}")
