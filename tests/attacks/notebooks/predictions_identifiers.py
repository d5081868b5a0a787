# tries: writes the data as identifiers
# success: the message about unknown rows quotes it outside
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed output unknown_rows
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write(f"id,prediction\n{number},0.5\n")
