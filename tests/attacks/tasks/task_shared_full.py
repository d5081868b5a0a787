# tries: beside the scoring program, fills the shared folder with more than the card's disk holds
# success: the runner's memory is full
# wall: the folder has a bound, and whoever is over it is ended
# expect: failed disk
# house: beside
# predictions: own
import time

for number in range(64):
    with open(f"/app/shared/{number}", "wb") as file:
        file.write(bytes(32 << 20))
time.sleep(30)
