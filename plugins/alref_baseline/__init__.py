"""Components that need nothing but alref itself."""
