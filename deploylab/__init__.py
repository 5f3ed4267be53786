"""deploylab: learn how a Django site is deployed by measuring every step."""
