"""Every message that crosses a zone border, and what protects it: sealing, signed receipts, kit manifests."""
