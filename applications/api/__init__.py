"""What the public APIs of all applications share.

``views`` says how an answer is made, ``negotiation`` in which format, ``throttle`` how often, ``problems`` how
it is told what went wrong (RFC 9457, in Chinese and English), ``schema`` how it is described (OpenAPI).
"""
