"""kws behind the interfaces of other engines and assistants, for programs that use these."""
