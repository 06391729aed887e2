import { faker as german } from '@faker-js/faker/locale/de';
import { faker as austrian } from '@faker-js/faker/locale/de_AT';
import { faker as swiss } from '@faker-js/faker/locale/de_CH';
import { faker as american } from '@faker-js/faker/locale/en_US';
import { faker as british } from '@faker-js/faker/locale/en_GB';
import { faker as spanish } from '@faker-js/faker/locale/es';
import { faker as french } from '@faker-js/faker/locale/fr';
import { faker as italian } from '@faker-js/faker/locale/it';
import { faker as dutch } from '@faker-js/faker/locale/nl';
import { faker as polish } from '@faker-js/faker/locale/pl';
import { faker as swedish } from '@faker-js/faker/locale/sv';
import type { Draws } from '../random/draws';

export const COUNTRIES = ['DE', 'AT', 'CH', 'FR', 'NL', 'PL', 'ES', 'IT', 'SE', 'GB', 'US'] as const;
export type Country = (typeof COUNTRIES)[number];

/** Words and forms of a country: only its own names, streets, cities and postcodes are combined. */
export interface CountryWords {
  readonly country: Country;
  /** Offset of its local time, hours. Without daylight saving time. */
  readonly utcOffsetHours: number;
  readonly firstNames: readonly string[];
  readonly lastNames: readonly string[];
  readonly streets: readonly string[];
  /** Each with the pattern of its postcodes: `#` is a digit, `?` an upper-case letter. */
  readonly cities: readonly (readonly [city: string, postcode: string])[];
  readonly companyForms: readonly string[];
  readonly emailDomain: string;
  readonly address: (street: string, house: string, postcode: string, city: string) => string;
}

type Definitions = typeof german.rawDefinitions;
type Names = Readonly<Partial<Record<'generic' | 'female' | 'male', readonly string[]>>> | null | undefined;

const flat = (names: Names): string[] => [
  ...new Set([...(names?.generic ?? []), ...(names?.female ?? []), ...(names?.male ?? [])]),
];
const people = ({ person }: Definitions, fallback?: Definitions) => {
  const firstNames = flat(person?.first_name);
  const lastNames = flat(person?.last_name);
  return {
    firstNames: firstNames.length > 0 ? firstNames : flat(fallback?.person?.first_name),
    lastNames: lastNames.length > 0 ? lastNames : flat(fallback?.person?.last_name),
  };
};
const list = (words: unknown): string[] =>
  Array.isArray(words) ? words.filter((word): word is string => typeof word === 'string' && word.trim() !== '') : [];
const streetsOf = ({ location }: Definitions): string[] => list(location?.street_name);
/** Every prefix with some of the names. */
const joined = (prefixes: readonly string[], names: readonly string[], separator: string): string[] =>
  prefixes.flatMap((prefix, index) =>
    names.filter((_, at) => at % prefixes.length === index).map((name) => `${prefix}${separator}${name}`),
  );

const HOUSE_AFTER = (street: string, house: string, postcode: string, city: string): string =>
  `${street} ${house}, ${postcode} ${city}`;
const HOUSE_BEFORE = (street: string, house: string, postcode: string, city: string): string =>
  `${house} ${street}, ${postcode} ${city}`;
const CITY_FIRST = (street: string, house: string, postcode: string, city: string): string =>
  `${house} ${street}, ${city} ${postcode}`;

const frenchPlaces = ['de la Gare', 'Victor Hugo', 'de la République', 'Pasteur', 'du Moulin', 'des Lilas', 'Jean Jaurès', 'de l’Église', 'des Écoles', 'du Château', 'de Verdun', 'Voltaire', 'Gambetta', 'de la Paix', 'des Tilleuls', 'Molière', 'du Stade', 'de Bretagne', 'des Acacias', 'Jules Ferry']; // prettier-ignore
const polishPlaces = ['Polna', 'Leśna', 'Słoneczna', 'Krótka', 'Szkolna', 'Ogrodowa', 'Lipowa', 'Łąkowa', 'Brzozowa', 'Kwiatowa', 'Kościelna', 'Sosnowa', 'Zielona', 'Parkowa', 'Akacjowa', 'Kolejowa']; // prettier-ignore
const swedishPlaces = ['Stor', 'Kyrko', 'Skol', 'Järnvägs', 'Björk', 'Ring', 'Industri', 'Park', 'Kungs', 'Drottning', 'Ängs', 'Tall', 'Sjö', 'Västra ', 'Östra ', 'Norra ']; // prettier-ignore
const spanishPlaces = ['Mayor', 'de la Constitución', 'Real', 'del Sol', 'de Cervantes', 'de España', 'de la Paz', 'San José', 'Nueva', 'del Carmen', 'de Goya', 'de Colón', 'de la Fuente', 'Santa Ana', 'del Prado']; // prettier-ignore
const italianPlaces = ['Garibaldi', 'Roma', 'Mazzini', 'Verdi', 'Dante', 'Cavour', 'Marconi', 'Vittorio Emanuele', 'della Libertà', 'XX Settembre', 'Matteotti', 'Manzoni', 'Leopardi', 'San Marco', 'dei Mille']; // prettier-ignore
const dutchPlaces = ['Kerk', 'School', 'Molen', 'Dorps', 'Stations', 'Juliana', 'Wilhelmina', 'Beatrix', 'Haven', 'Nieuw', 'Linden', 'Eiken', 'Beuken', 'Kastanje', 'Tulpen', 'Rozen']; // prettier-ignore

export const COUNTRY_WORDS: readonly CountryWords[] = [
  {
    country: 'DE',
    utcOffsetHours: 1,
    ...people(german.rawDefinitions),
    streets: streetsOf(german.rawDefinitions),
    cities: [['Berlin', '10###'], ['Hamburg', '20###'], ['München', '80###'], ['Köln', '50###'], ['Frankfurt am Main', '60###'], ['Stuttgart', '70###'], ['Leipzig', '04###'], ['Dresden', '01###'], ['Bremen', '28###'], ['Nürnberg', '90###']], // prettier-ignore
    companyForms: ['GmbH', 'KG', 'GmbH & Co. KG', 'e. K.'],
    emailDomain: 'example.de',
    address: HOUSE_AFTER,
  },
  {
    country: 'AT',
    utcOffsetHours: 1,
    ...people(austrian.rawDefinitions),
    streets: streetsOf(austrian.rawDefinitions),
    cities: [['Wien', '1##0'], ['Graz', '80##'], ['Linz', '40##'], ['Salzburg', '50##'], ['Innsbruck', '60##'], ['Klagenfurt', '90##']], // prettier-ignore
    companyForms: ['GmbH', 'KG', 'e. U.'],
    emailDomain: 'example.at',
    address: HOUSE_AFTER,
  },
  {
    country: 'CH',
    utcOffsetHours: 1,
    ...people(swiss.rawDefinitions),
    streets: streetsOf(swiss.rawDefinitions),
    cities: [['Zürich', '80##'], ['Bern', '30##'], ['Basel', '40##'], ['Luzern', '60##'], ['St. Gallen', '90##'], ['Winterthur', '84##']], // prettier-ignore
    companyForms: ['AG', 'GmbH', 'Sàrl'],
    emailDomain: 'example.ch',
    address: HOUSE_AFTER,
  },
  {
    country: 'FR',
    utcOffsetHours: 1,
    ...people(french.rawDefinitions),
    streets: joined(['Rue', 'Avenue', 'Boulevard', 'Place'], frenchPlaces, ' '),
    cities: [['Paris', '750##'], ['Lyon', '6900#'], ['Marseille', '130##'], ['Toulouse', '310##'], ['Nantes', '440##'], ['Lille', '590##'], ['Strasbourg', '670##'], ['Bordeaux', '330##']], // prettier-ignore
    companyForms: ['SARL', 'SAS', 'et Fils'],
    emailDomain: 'example.fr',
    address: HOUSE_BEFORE,
  },
  {
    country: 'NL',
    utcOffsetHours: 1,
    ...people(dutch.rawDefinitions),
    streets: joined(['straat', 'laan', 'weg'], dutchPlaces, '\u0000').map((text) =>
      text.split('\u0000').toReversed().join(''),
    ),
    cities: [['Amsterdam', '10## ??'], ['Rotterdam', '30## ??'], ['Utrecht', '35## ??'], ['Eindhoven', '56## ??'], ['Groningen', '97## ??'], ['Den Haag', '25## ??']], // prettier-ignore
    companyForms: ['B.V.', 'V.O.F.', 'en Zonen'],
    emailDomain: 'example.nl',
    address: HOUSE_AFTER,
  },
  {
    country: 'PL',
    utcOffsetHours: 1,
    ...people(polish.rawDefinitions),
    streets: joined(['ul.', 'al.'], polishPlaces, ' '),
    cities: [['Warszawa', '00-###'], ['Kraków', '30-###'], ['Łódź', '90-###'], ['Wrocław', '50-###'], ['Poznań', '60-###'], ['Gdańsk', '80-###'], ['Lublin', '20-###']], // prettier-ignore
    companyForms: ['Sp. z o.o.', 'S.A.', 'i Synowie'],
    emailDomain: 'example.pl',
    address: HOUSE_AFTER,
  },
  {
    country: 'ES',
    utcOffsetHours: 1,
    ...people(spanish.rawDefinitions),
    streets: joined(['Calle', 'Avenida', 'Plaza'], spanishPlaces, ' '),
    cities: [['Madrid', '280##'], ['Barcelona', '080##'], ['Valencia', '460##'], ['Sevilla', '410##'], ['Zaragoza', '500##'], ['Bilbao', '480##']], // prettier-ignore
    companyForms: ['S.L.', 'S.A.', 'e Hijos'],
    emailDomain: 'example.es',
    address: (street, house, postcode, city) => `${street}, ${house}, ${postcode} ${city}`,
  },
  {
    country: 'IT',
    utcOffsetHours: 1,
    ...people(italian.rawDefinitions),
    streets: joined(['Via', 'Piazza', 'Corso'], italianPlaces, ' '),
    cities: [['Roma', '001##'], ['Milano', '201##'], ['Torino', '101##'], ['Napoli', '801##'], ['Bologna', '401##'], ['Firenze', '501##'], ['Genova', '161##']], // prettier-ignore
    companyForms: ['S.r.l.', 'S.p.A.', 'e Figli'],
    emailDomain: 'example.it',
    address: HOUSE_AFTER,
  },
  {
    country: 'SE',
    utcOffsetHours: 1,
    ...people(swedish.rawDefinitions),
    streets: joined(['gatan', 'vägen'], swedishPlaces, '\u0000').map((text) =>
      text.split('\u0000').toReversed().join(''),
    ),
    cities: [['Stockholm', '11# ##'], ['Göteborg', '41# ##'], ['Malmö', '21# ##'], ['Uppsala', '75# ##'], ['Västerås', '72# ##']], // prettier-ignore
    companyForms: ['AB', 'HB'],
    emailDomain: 'example.se',
    address: HOUSE_AFTER,
  },
  {
    country: 'GB',
    utcOffsetHours: 0,
    ...people(british.rawDefinitions, american.rawDefinitions),
    streets: streetsOf(british.rawDefinitions),
    cities: [['London', 'SE# #??'], ['Manchester', 'M# #??'], ['Birmingham', 'B# #??'], ['Leeds', 'LS# #??'], ['Glasgow', 'G# #??'], ['Bristol', 'BS# #??'], ['Cardiff', 'CF## #??']], // prettier-ignore
    companyForms: ['Ltd', 'and Sons', 'plc'],
    emailDomain: 'example.co.uk',
    address: CITY_FIRST,
  },
  {
    country: 'US',
    utcOffsetHours: -6,
    ...people(american.rawDefinitions),
    streets: streetsOf(american.rawDefinitions),
    cities: [['New York, NY', '100##'], ['Los Angeles, CA', '900##'], ['Chicago, IL', '606##'], ['Houston, TX', '770##'], ['Seattle, WA', '981##'], ['Denver, CO', '802##'], ['Boston, MA', '021##'], ['Atlanta, GA', '303##']], // prettier-ignore
    companyForms: ['LLC', 'Inc.', '& Co.'],
    emailDomain: 'example.com',
    address: CITY_FIRST,
  },
];

const pick = <T>(words: readonly T[], draws: Draws, draw: number): T => words[draws.below(draw, words.length)] as T;

/** Letters of the Latin alphabet without their marks, for e-mail addresses. */
const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/ß/g, 'ss')
    .replace(/[łŁ]/g, 'l')
    .replace(/[øØ]/g, 'o')
    .replace(/[æÆ]/g, 'ae')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '');

const HIGHEST_HOUSE = 120;

/** Takes four draws of the selected thing, from `draw` on. */
export function addressOf({ streets, cities, address }: CountryWords, draws: Draws, draw: number): string {
  const street = pick(streets, draws, draw);
  const [city, pattern] = pick(cities, draws, draw + 1);
  let rest = draws.below(draw + 2, 26 ** 6);
  const postcode = pattern.replace(/[#?]/g, (symbol) => {
    const base = symbol === '#' ? 10 : 26;
    const value = rest % base;
    rest = Math.floor(rest / base);
    return symbol === '#' ? String(value) : String.fromCharCode(65 + value);
  });
  return address(street, String(1 + Math.floor(HIGHEST_HOUSE * draws.fraction(draw + 3) ** 2)), postcode, city);
}

/** Takes two draws of the selected thing. */
export function personName({ firstNames, lastNames }: CountryWords, draws: Draws, draw: number): [string, string] {
  return [pick(firstNames, draws, draw), pick(lastNames, draws, draw + 1)];
}

export const emailOf = ({ emailDomain }: CountryWords, first: string, last: string, suffix: string): string =>
  `${plain(first)}.${plain(last)}${suffix}@${emailDomain}`;

/** Takes two draws of the selected thing. */
export function companyName(
  { lastNames, companyForms }: CountryWords,
  trades: readonly string[],
  nameDraws: Draws,
  form: number,
  draw: number,
): string {
  const owner = pick(lastNames, nameDraws, draw);
  const trade = pick(trades, nameDraws, draw + 1);
  return `${owner} ${trade} ${companyForms[form % companyForms.length] as string}`;
}
