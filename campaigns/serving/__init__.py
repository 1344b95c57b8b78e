"""The decision's hot path: which approved creative a shopper sees in a placement, and why.

``engine``, ``eligibility``, ``policies``, ``assignment``, ``context`` and ``snapshot`` are pure; ``loading``
reads the database, ``store`` keeps the snapshots of this process, ``keys`` the API keys it saw lately.
"""
