/** The ids in the examples of all event types: one customer buys one item of one vendor. */
export const EXAMPLE = {
  orderId: 'f3d6f0d55b053fdeb0116c2eaffd74e9113b2fd19d7d0675fd8c87a430993b8d',
  vendorId: '3f66d49e82526dc0396869e84e34c4dee55a9dab8e67ec4b4254d5d2590a5362',
  customerId: '7ec17d2e9ee4f734690133c8fec7337293b0e6806c671e6c7b52115040a64429',
  itemSku: 'c1f5d0de-2a3b-4b0f-9a53-6f1a2b7c8d90',
  sessionId: '6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a10',
  registeredAt: '2025-06-30T18:21:07.250Z',
} as const;
