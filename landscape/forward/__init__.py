"""How a user's model is run: as what, with which parameters, in which mode, and leaving what behind (nothing)."""
