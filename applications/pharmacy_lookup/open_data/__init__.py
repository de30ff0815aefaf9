"""Open data: published lists as files that carry their proof, and the verification of such files.

``fields`` says what the columns mean and how values are written, ``about`` what every file says of itself,
``formats`` writes them, ``store`` keeps them; ``reading`` reads files back, whoever saved them, and
``checking`` says whether they, a code or a fingerprint are genuine and current.
"""
