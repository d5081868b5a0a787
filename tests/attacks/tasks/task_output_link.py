# tries: leaves a link to the labels in place of results, which the scoring program would follow
# success: the labels are scored against themselves
# wall: no link is packed
# expect: failed output
# predictions: own
import os

os.symlink("/app/input/ref/labels.txt", "/app/output/predictions.txt")
predict = None
os._exit(0)
