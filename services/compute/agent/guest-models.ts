// The models of devices that QEMU has for guests.

export const VIF_MODELS = ['virtio', 'ne2k_pci', 'pcnet', 'rtl8139', 'e1000', 'e1000e', 'igb']
export const VIDEO_MODELS = ['cirrus', 'qxl', 'vga', 'virtio', 'bochs', 'none']
