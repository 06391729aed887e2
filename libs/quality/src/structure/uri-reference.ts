const ENCODED = '%[0-9A-Fa-f]{2}';
const UNRESERVED = "A-Za-z0-9._~!$&'()*+,;=";
const chars = (more: string): string => `(?:[${UNRESERVED}${more}-]|${ENCODED})`;

const SEGMENT = chars(':@');
const PATH_ABEMPTY = `(?:/${SEGMENT}*)*`;
const IP_LITERAL = `\\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\\.[${UNRESERVED}:-]+)\\]`;
const AUTHORITY = `(?:${chars(':')}*@)?(?:${IP_LITERAL}|${chars('')}*)(?::[0-9]*)?`;
const PATH_ABSOLUTE = `/(?:${SEGMENT}+${PATH_ABEMPTY})?`;
const PATH_ROOTLESS = `${SEGMENT}+${PATH_ABEMPTY}`;
/** The first segment of a relative path has no colon: it would be a scheme. */
const PATH_NOSCHEME = `${chars('@')}+${PATH_ABEMPTY}`;
const ENDING = `(?:\\?${chars(':@/?')}*)?(?:#${chars(':@/?')}*)?`;

/** `URI-reference` of RFC 3986, appendix A. */
const URI_REFERENCE = new RegExp(
  `^(?:[A-Za-z][A-Za-z0-9+.-]*:(?://${AUTHORITY}${PATH_ABEMPTY}|${PATH_ABSOLUTE}|${PATH_ROOTLESS}|)` +
    `|(?://${AUTHORITY}${PATH_ABEMPTY}|${PATH_ABSOLUTE}|${PATH_NOSCHEME}|))${ENDING}$`,
);

/** Whether the text is a URI or a relative reference. Such a text is ASCII. */
export const isUriReference = (text: string): boolean => URI_REFERENCE.test(text);
