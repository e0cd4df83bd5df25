"""Samples series from a server over REST, with Python alone.

python export/clients/sample_rest.py --address=http://localhost:8501 --model=quickstart --count=4 --length=128
"""

import argparse
import json
import urllib.request


def predict(address, model, signature, instances, timeout=60):
    """One call of a signature in the row format.

    Args:
      address: of the server, with scheme and port.
      model, signature: names.
      instances: a list of examples: input name -> value, all inputs of the signature and no other.
      timeout: seconds.

    Returns:
      A list of predictions: output name -> value. Samples past the length of a series are zeros.
    """
    body = json.dumps({"signature_name": signature, "instances": instances}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/models/{model}:predict", body, headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)["predictions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://localhost:8501")
    parser.add_argument("--model", default="quickstart")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--label", type=int, help="number of the label, of conditional models")
    given = parser.parse_args()
    label = {} if given.label is None else {"label": given.label}
    instances = [{"seed": seed, "length": given.length, **label} for seed in range(given.count)]
    for found in predict(given.address, given.model, "serving_default", instances):
        print(found["samples"][: found["length"]])


if __name__ == "__main__":
    main()
