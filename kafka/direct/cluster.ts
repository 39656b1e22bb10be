import { SourceError } from '../../sources/source.ts';
import { createAvailability, type Availability, type KafkaContext } from '../connection.ts';
import { KafkaError } from '../contract.ts';
import { kafkaError, sourceError } from '../errors.ts';
import { openLink, type Address, type Link } from './link.ts';
import { api, readListOffsets, readMetadata, writeListOffsets, writeMetadata, type Metadata } from './wire.ts';

/** What is known of the brokers, and a link to each that is needed. */
export interface Cluster {
  readonly availability: Availability;
  /** Asks any broker. Rejects with a `KafkaError`. */
  metadata(topics: readonly string[], options?: { readonly creates?: boolean }): Promise<Metadata>;
  /** The link to any broker. */
  anyLink(): Promise<Link>;
  /** The link to a broker that metadata has named, for records alone: a broker answers in order, so nothing else is to wait behind a fetch. */
  link(broker: number): Promise<Link>;
  /** Offsets of a partition, asked from its leader, one for each kind. Rejects with a `SourceError`. */
  offsets(tp: { readonly topic: string; readonly partition: number }, kinds: readonly bigint[]): Promise<number[]>;
  close(): Promise<void>;
}

const requestTimeoutMs = 30_000;
const retryMinMs = 200;
const retryMaxMs = 5_000;
const leaderRetries = 20;
const leaderRetryMs = 100;

/** Connects to any of the brokers; one that is away is waited for as long as it takes, said once to the log. */
export async function openCluster(context: KafkaContext, part: 'reader' | 'producer' = 'reader'): Promise<Cluster> {
  const cluster = new LiveCluster(context, part);
  for (let retryMs = retryMinMs; ; retryMs = Math.min(2 * retryMs, retryMaxMs)) {
    if (context.closing.aborted) throw new KafkaError('kafka_closed', `${part}: closed while connecting`);
    try {
      await cluster.metadata([]);
      return cluster;
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retryable) throw error;
      await context.clock.sleep(retryMs, context.closing);
    }
  }
}

type LinkUse = 'records' | 'questions';

class LiveCluster implements Cluster {
  readonly availability: Availability;
  readonly #context: KafkaContext;
  readonly #bootstrap: readonly Address[];
  readonly #addresses = new Map<number, Address>();
  readonly #links = new Map<string, Promise<Link>>();
  #isClosed = false;

  constructor(context: KafkaContext, part: 'reader' | 'producer') {
    this.#context = context;
    this.availability = createAvailability(context, part);
    this.#bootstrap = context.brokers.split(',').map(addressOf);
  }

  async metadata(topics: readonly string[], { creates = false } = {}): Promise<Metadata> {
    let failure = new KafkaError('kafka_unavailable', `no broker at ${this.#context.brokers}`);
    for (const address of [...this.#addresses.values(), ...this.#bootstrap]) {
      try {
        const link = await this.#linkTo(address, 'questions');
        const answer = readMetadata(
          await link.request(api.metadata, (writer) => writeMetadata(writer, topics, creates)),
        );
        for (const { id, host, port } of answer.brokers) this.#addresses.set(id, { host, port });
        this.availability.heard();
        return answer;
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        failure = error;
        if (!error.retryable) break;
      }
    }
    if (failure.retryable) this.availability.lost(failure);
    throw failure;
  }

  link(broker: number): Promise<Link> {
    return this.#linkToBroker(broker, 'records');
  }

  async anyLink(): Promise<Link> {
    const { brokers } = await this.metadata([]);
    const [first] = brokers;
    if (!first) throw new KafkaError('kafka_unavailable', 'no broker is known');
    return this.#linkToBroker(first.id, 'questions');
  }

  async offsets(
    tp: { readonly topic: string; readonly partition: number },
    kinds: readonly bigint[],
  ): Promise<number[]> {
    for (let retriesLeft = leaderRetries; ; retriesLeft--) {
      try {
        return await this.#offsetsOnce(tp, kinds);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (!error.retryable || retriesLeft === 0 || this.#isClosed) throw sourceError(error);
        await this.#context.clock.sleep(leaderRetryMs, this.#context.closing);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.then((open) => open.close()).catch(() => undefined)));
  }

  async #offsetsOnce(
    { topic, partition }: { topic: string; partition: number },
    kinds: readonly bigint[],
  ): Promise<number[]> {
    const doing = `offsets of ${topic}-${partition}`;
    const [found] = (await this.metadata([topic])).topics;
    if (!found || found.errorCode !== 0) throw kafkaError(found?.errorCode ?? 3, doing);
    const leader = found.partitions.find((one) => one.partition === partition);
    if (!leader) throw new SourceError('topic_missing', `${doing}: ${topic} has ${found.partitions.length} partitions`);
    if (leader.leader < 0) throw kafkaError(leader.errorCode || 5, doing);
    const link = await this.#linkToBroker(leader.leader, 'questions');
    const question = { topic, partition, leaderEpoch: leader.leaderEpoch };
    const answers = await Promise.all(
      kinds.map((kind) => link.request(api.listOffsets, (writer) => writeListOffsets(writer, question, kind))),
    );
    return answers.map(readListOffsets).map(({ errorCode, offset }) => {
      if (errorCode !== 0) throw kafkaError(errorCode, doing);
      return offset;
    });
  }

  #linkToBroker(broker: number, use: LinkUse): Promise<Link> {
    const address = this.#addresses.get(broker);
    if (!address) return Promise.reject(new KafkaError('kafka_unavailable', `broker ${broker} is not known`));
    return this.#linkTo(address, use);
  }

  async #linkTo(address: Address, use: LinkUse): Promise<Link> {
    if (this.#isClosed) throw new KafkaError('kafka_closed', 'the client is closed');
    const name = `${use} ${address.host}:${address.port}`;
    const known = this.#links.get(name);
    if (known) {
      const link = await known;
      if (link.isOpen()) return link;
      if (this.#links.get(name) === known) this.#links.delete(name);
    }
    const { clientId, security } = this.#context;
    const opening = this.#links.get(name) ?? openLink(address, { clientId, security, requestTimeoutMs });
    this.#links.set(name, opening);
    opening.catch(() => {
      if (this.#links.get(name) === opening) this.#links.delete(name);
    });
    return opening;
  }
}

function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).trim(), port: Number(text.slice(colon + 1)) };
}
