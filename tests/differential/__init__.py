"""Our FHIRPath engine beside others, over generated expressions."""
