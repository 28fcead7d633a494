"""The filters that come with Galaxy, by family; listed in :data:`galaxy.registry.BUILT_IN`."""
