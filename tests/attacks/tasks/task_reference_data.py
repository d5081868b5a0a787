# tries: code for the ingestion program looks for the reference data, in the folders of both programs and everywhere
# success: it finds the labels, and answers with them
# wall: ingestion is a sandbox of its own, in which the reference data is not mounted
# expect: scored
import os

places = ["/app/input/ref", "/reference", "/proc/1/root/reference", *outside["labels"]]
for place in places:
    if os.path.exists(place):
        leaked.append(place)
for top in ("/app", "/work", "/opt", "/"):
    for folder, _, names in os.walk(top):
        if "labels.txt" in names and "/sys" not in folder:
            leaked.append(folder)
