# tries: names columns after the data, so that the message about them quotes it
# success: the message is outside
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed output wrong_columns
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write(f"id,{canary}\n1,{canary}\n")
