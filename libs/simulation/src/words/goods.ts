import { type Vertical } from '@orderstream/contracts';

/** Words of a vertical. */
export interface GoodsWords {
  /** What vendors of the vertical call themselves. */
  readonly trades: readonly string[];
  /** Each with its price, as a factor on the vertical's median. */
  readonly nouns: readonly (readonly [noun: string, priceFactor: number])[];
  readonly adjectives: readonly string[];
  /** Sizes, editions and the like. */
  readonly variants: readonly string[];
  /** Remarks of reviews by what was good and what was bad. */
  readonly praise: readonly string[];
  readonly complaint: readonly string[];
}

// prettier-ignore
export const GOODS: Readonly<Record<Vertical, GoodsWords>> = {
  Electronics: {
    trades: ['Electronics', 'Tech', 'Digital', 'Audio'],
    nouns: [['headphones', 0.8], ['monitor', 2], ['keyboard', 0.7], ['smartphone', 3], ['power bank', 0.35], ['webcam', 0.6], ['router', 0.9], ['tablet', 2.4], ['USB-C cable', 0.12], ['smart speaker', 1], ['e-reader', 1.3], ['camera', 4], ['charger', 0.25], ['SSD', 1.1], ['desk lamp', 0.4]],
    adjectives: ['Bluetooth', 'Compact', 'Pro', 'Slim', 'Ultra', 'Silent', 'Portable', 'Fast'],
    variants: ['black', 'white', 'silver', '2nd edition', '128 GB', '27 inch', 'with USB-C', 'duo pack'],
    praise: ['The battery lasts for days.', 'Set up in two minutes.', 'The display is sharp.', 'Works with everything I own.'],
    complaint: ['The battery is flat after an hour.', 'It loses the connection.', 'The fan is loud.', 'It stopped working after a week.'],
  },
  Books: {
    trades: ['Books', 'Bookshop', 'Publishing', 'Reading Room'],
    nouns: [['novel', 0.9], ['cookbook', 1.6], ['travel guide', 1.1], ['crime novel', 0.8], ['biography', 1.3], ['atlas', 2.2], ['poetry collection', 0.9], ['picture book', 0.9], ['textbook', 3], ['comic', 0.7], ['dictionary', 1.7], ['history', 1.5]],
    adjectives: ['The Quiet', 'The Northern', 'The Lost', 'A Short', 'The Illustrated', 'The Complete', 'A Modern', 'The Last'],
    variants: ['paperback', 'hardcover', 'large print', 'pocket edition', 'revised edition', 'volume 1', 'volume 2', 'gift edition'],
    praise: ['I could not put it down.', 'The chapters are short and clear.', 'A beautiful edition.', 'I learned a lot.'],
    complaint: ['The print is too small.', 'Pages were missing.', 'The plot goes nowhere.', 'The translation is poor.'],
  },
  Fashion: {
    trades: ['Fashion', 'Textiles', 'Clothing', 'Atelier'],
    nouns: [['T-shirt', 0.4], ['jeans', 1.3], ['winter coat', 3], ['dress', 1.4], ['sneakers', 1.8], ['scarf', 0.5], ['belt', 0.6], ['shirt', 0.9], ['sweater', 1.2], ['socks', 0.2], ['leather boots', 2.6], ['backpack', 1.3], ['sunglasses', 1.1]],
    adjectives: ['Linen', 'Cotton', 'Wool', 'Classic', 'Relaxed', 'Striped', 'Organic', 'Tailored'],
    variants: ['size S', 'size M', 'size L', 'size XL', 'navy', 'olive', 'black', 'sand'],
    praise: ['Fits perfectly.', 'The fabric feels good.', 'The colour is as in the picture.', 'It still looks new after ten washes.'],
    complaint: ['It is two sizes too small.', 'The seam came apart.', 'The colour faded in the first wash.', 'The fabric is thin.'],
  },
  'House and garden': {
    trades: ['Home', 'Garden Centre', 'Interiors', 'Living'],
    nouns: [['desk', 3], ['garden chair', 1.2], ['lawn mower', 5], ['flower pot', 0.3], ['duvet', 1.4], ['table lamp', 0.8], ['bookcase', 2.4], ['watering can', 0.35], ['saucepan', 0.7], ['rug', 1.7], ['hedge trimmer', 2], ['set of plates', 0.9], ['kettle', 0.7]],
    adjectives: ['Oak', 'Rustic', 'Foldable', 'Ceramic', 'Nordic', 'Solid', 'Frostproof', 'Handmade'],
    variants: ['small', 'large', 'set of 2', 'set of 4', 'natural', 'white', 'anthracite', 'green'],
    praise: ['Sturdy and well made.', 'Easy to assemble.', 'It looks great in our living room.', 'It survived the winter outside.'],
    complaint: ['One leg was broken.', 'The screws do not fit.', 'It wobbles.', 'It arrived with scratches.'],
  },
  Sports: {
    trades: ['Sports', 'Outdoor', 'Fitness', 'Cycling'],
    nouns: [['running shoes', 1.8], ['yoga mat', 0.5], ['tennis racket', 1.7], ['football', 0.5], ['dumbbells', 0.9], ['tent', 2.6], ['sleeping bag', 1.6], ['cycling helmet', 1], ['ski goggles', 1.1], ['climbing rope', 1.9], ['water bottle', 0.25], ['rowing machine', 7]],
    adjectives: ['Light', 'Trail', 'Sweatproof', 'Training', 'Junior', 'Carbon', 'Alpine', 'Reflective'],
    variants: ['blue', 'red', 'neon', 'size 40', 'size 43', '2 kg', '5 kg', '3 persons'],
    praise: ['Light and comfortable.', 'Perfect for long tours.', 'The grip is excellent.', 'I train with it every day.'],
    complaint: ['The sole came off.', 'The zip is broken.', 'It is not waterproof.', 'The handle is slippery.'],
  },
  'Auto-moto': {
    trades: ['Auto Supplies', 'Motors', 'Car Care', 'Garage'],
    nouns: [['brake pads', 1], ['winter tyre', 1.9], ['motor oil', 0.7], ['roof rack', 3], ['wiper blades', 0.4], ['car battery', 2.1], ['motorcycle gloves', 0.9], ['jump starter', 1.3], ['floor mats', 0.7], ['tow rope', 0.4], ['dash cam', 1.6], ['motorcycle helmet', 3.2]],
    adjectives: ['Universal', 'Heavy-duty', 'Premium', 'Original', 'All-season', 'Synthetic', 'Reinforced', 'Quick-fit'],
    variants: ['5 l', 'set of 4', '205/55 R16', 'front', 'rear', 'XL', '12 V', 'type B'],
    praise: ['Fits my car exactly.', 'Mounted in ten minutes.', 'The quality of the original.', 'No noise at high speed.'],
    complaint: ['It does not fit my model.', 'It was leaking.', 'A bolt was missing.', 'It rattles.'],
  },
  'Health and beauty': {
    trades: ['Cosmetics', 'Beauty', 'Wellness', 'Pharmacy'],
    nouns: [['face cream', 1], ['shampoo', 0.45], ['electric toothbrush', 2.6], ['perfume', 2.8], ['hand soap', 0.3], ['sun lotion', 0.8], ['massage oil', 0.8], ['lip balm', 0.25], ['hair dryer', 2], ['vitamin tablets', 0.7], ['razor', 0.9], ['nail polish', 0.4]],
    adjectives: ['Gentle', 'Almond', 'Lavender', 'Vegan', 'Sensitive', 'Fresh', 'Mineral', 'Aloe'],
    variants: ['50 ml', '100 ml', '250 ml', 'refill', 'travel size', 'unscented', 'twin pack', 'SPF 30'],
    praise: ['My skin feels soft.', 'The scent is pleasant.', 'A little is enough.', 'I have bought it three times.'],
    complaint: ['It made my skin itch.', 'The scent is far too strong.', 'The bottle was half empty.', 'It has no effect.'],
  },
};

// prettier-ignore
export const REVIEW_OPENINGS: readonly (readonly string[])[] = [
  ['Very disappointed.', 'Do not buy this.', 'A waste of money.', 'I sent it back.'],
  ['Not what I expected.', 'I would not order it again.', 'Rather poor.', 'Below average.'],
  ['It is all right.', 'Average.', 'Does what it should, no more.', 'Neither good nor bad.'],
  ['Good buy.', 'I am satisfied.', 'Recommended.', 'Good value.'],
  ['Excellent!', 'I love it.', 'Perfect in every way.', 'I would buy it again at once.'],
];

// prettier-ignore
export const REVIEW_DELIVERY = {
  late: ['It came much later than promised.', 'The parcel took far too long.', 'I waited two weeks for it.'],
  fast: ['It arrived quickly.', 'Fast delivery, well packed.', 'It was here in no time.'],
} as const;

export const CARRIERS = ['DHL', 'DPD', 'UPS', 'FedEx', 'GLS', 'Hermes'] as const;
