#!/usr/bin/env python3
"""Mixed requests to the gate of deploy/compose, for the pictures of the dashboard.

    tools/dashboard-load.py PORT SECONDS

Two consumers ask for images, edits and a stream. Some requests are wrong, have a wrong key, are
refused, or meet an upstream that fails.
"""

import concurrent.futures
import json
import random
import sys
import time
import urllib.error
import urllib.request

PIXEL = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
         "DwADhgGAWjR9awAAAABJRU5ErkJggg==")
# What goes wrong, and how often among 100 requests.
FAULTS = {"moderation": 5, "server_error": 1, "bad_gateway": 1, "overloaded": 1, "image_failed": 1, "rate_limit": 1, "empty": 1}
PAUSES = (0.2, 3)


def body(dice):
    """A body, and the endpoint that it is for."""
    delay = min(20, dice.lognormvariate(1, 0.6))
    prompt = f"a lighthouse at dusk [[sim:codex_events]] [[sim:delay={delay:.1f}s]]"
    sent = {"model": "gpt-image-2", "prompt": prompt, "quality": dice.choice(["low", "medium", "high"])}
    lot = dice.random() * 100
    for name, share in FAULTS.items():
        lot -= share
        if lot < 0:
            sent["prompt"] += f" [[sim:{name}]]"
            return "generations", sent
    lot = dice.random() * 100
    if lot < 4:
        return "generations", {**sent, "size": "17x17"}
    if lot < 14:
        return "edits", {**sent, "images": [{"image_url": PIXEL}]}
    if lot < 22:
        return "generations", {**sent, "stream": True, "partial_images": 1}
    return "generations", {**sent, "n": 2 if lot < 32 else 1}


def client(port, key, seconds, seed):
    """One request after the other; how many there were of each status."""
    dice = random.Random(seed)
    seen = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        endpoint, sent = body(dice)
        used = "sk-imagegate-wrong" if dice.random() < 0.02 else key
        headers = {"authorization": f"Bearer {used}", "content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/images/{endpoint}", json.dumps(sent).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as fault:
            status = fault.code
        seen[status] = seen.get(status, 0) + 1
        # Who is rejected waits longer, as clients should.
        time.sleep(dice.uniform(*PAUSES) * (3 if status == 429 else 1))
    return seen


def main(port, seconds):
    keys = ["sk-imagegate-demo"] * 5 + ["sk-imagegate-shop"] * 2
    total = {}
    with concurrent.futures.ThreadPoolExecutor(len(keys)) as pool:
        jobs = [pool.submit(client, port, key, seconds, seed) for seed, key in enumerate(keys)]
        for job in jobs:
            for status, count in job.result().items():
                total[status] = total.get(status, 0) + count
    print("answers by status:", ", ".join(f"{status}: {total[status]}" for status in sorted(total)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(int(sys.argv[1]), float(sys.argv[2]))
