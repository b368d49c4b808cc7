"""AWS protocols, driven by botocore's service models: bytes in, keyword arguments to an operation, bytes out."""
