"""Makes the data files of the privacy package from openly licensed prompts."""
