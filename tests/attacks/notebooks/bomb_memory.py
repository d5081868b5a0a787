# tries: takes memory without end
# success: the machine has none left, or the runner is killed
# wall: the card's memory, by control group
# expect: failed memory
blocks = []
while True:
    blocks.append(bytearray(os.urandom(1 << 20) * 64))
