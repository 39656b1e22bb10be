export interface BannerFacts {
  readonly url: string | null;
  readonly brokers: string;
  readonly clickhouseUrl: string;
  readonly database: string;
  readonly services: readonly string[];
  /** `millrace webhook listen` beside receives alerts. */
  readonly hasTerminal: boolean;
}

/** Where to look, for a person: the page, one SQL line, how to send an event. */
export function banner({ url, brokers, clickhouseUrl, database, services, hasTerminal }: BannerFacts): string {
  const sql = `SELECT+*+FROM+${database}.revenue_final+ORDER+BY+window_start+DESC+LIMIT+5+FORMAT+PrettyCompact`;
  const event =
    `{"id":"my-1","type":"payment","version":2,"source":"me","eventTimeMs":'$(date +%s%3N)',"key":"card-1",` +
    `"amountMinor":1250,"currency":"EUR","cardId":"card-1","merchantId":"my-shop","country":"IS"}`;
  const lines = [
    `millrace runs: ${services.join(', ')}`,
    ...(url === null ? [] : [`  Page    ${url}`, `  API     ${url}/docs`]),
    `  SQL     curl '${clickhouseUrl}/?query=${sql}'`,
    ...(url === null ? [] : [`  Event   curl ${url}/v1/events -H 'content-type: application/json' -d '${event}'`]),
    ...(hasTerminal ? ['  Alerts  npx millrace webhook listen'] : []),
    `  Kafka   ${brokers}`,
    '  Ctrl-C drains and stops; a second one stops at once',
  ];
  return `${lines.join('\n')}\n`;
}
