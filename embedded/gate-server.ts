import { createServer, type Server, type Socket } from 'node:net';
import type { Kafka, Membership } from '../kafka/contract.ts';
import { parseTopicPartition, topicPartitionName, type Source } from '../sources/source.ts';
import type { Logger } from '../telemetry/logger.ts';
import { GateLedger, type LedgerOptions } from './gate-ledger.ts';
import { readLines, writeLine, type GateReply, type GateRequest } from './gate-protocol.ts';

export interface GateServerOptions extends LedgerOptions {
  readonly kafka: Kafka;
  readonly logger: Logger;
}

/** How often the groups' commits are looked at while something is unread: where somebody waits for room, and where there is enough. */
const commitPollMs = 50;
const calmPollMs = 1_000;
/** What a killed producer had in its sockets has reached the broker after this. */
const orphanSettleMs = 300;

/** Listens on a free loopback port; `127.0.0.1:port`. Runs as long as the process. */
export async function startGateServer(options: GateServerOptions): Promise<string> {
  const { bytesMax, groups, kafka } = options;
  const ledger = new GateLedger({ bytesMax, groups });
  const holders = new Map<number, Socket>();
  const reply = (holder: number, value: GateReply): void => {
    const socket = holders.get(holder);
    if (socket) writeLine(socket, value);
  };
  const serve = (): void => {
    for (const { holder, name, bytes } of ledger.serveWaiting()) reply(holder, { kind: 'grant', name, bytes });
  };
  const memberships = new Map<string, Membership>();
  for (const { groupId, topics } of groups) {
    memberships.set(groupId, await kafka.membership({ groupId, topics, kind: 'solo' }));
  }
  let opening: Promise<Source> | undefined;
  const source = (): Promise<Source> => (opening ??= kafka.reader());
  let holdersSeen = 0;
  const server = createServer((socket) => {
    const holder = ++holdersSeen;
    let hasLeft = false;
    holders.set(holder, socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      holders.delete(holder);
      if (hasLeft) ledger.left(holder);
      else void settleOrphans(ledger, source, ledger.died(holder), options.logger).then(serve);
      serve();
    });
    readLines(socket, (value) => {
      const request = value as GateRequest;
      if (request.kind === 'leave') hasLeft = true;
      else if (request.kind === 'take') reply(holder, answerTake(ledger, holder, request));
      else for (const [name, nextOffset, bytes] of request.items) ledger.delivered(holder, name, nextOffset, bytes);
    });
    writeLine(socket, { kind: 'hello', chunkBytes: chunkBytes(bytesMax) });
  });
  void followCommits(ledger, memberships, serve, options.logger);
  return listen(server);
}

/** A 24th of the bound: producers hold credit that they do not use, and a few must not close the gate by that. */
const chunkBytes = (bytesMax: number): number => Math.max(1_024, Math.floor(bytesMax / 24));

function answerTake(ledger: GateLedger, holder: number, request: GateRequest & { kind: 'take' }): GateReply {
  const { name, needBytes, wantBytes } = request;
  if (!ledger.isBounded(name)) return { kind: 'unbounded', name };
  const bytes = ledger.take(holder, name, needBytes, wantBytes);
  return bytes > 0 ? { kind: 'grant', name, bytes } : { kind: 'closed', name };
}

async function settleOrphans(
  ledger: GateLedger,
  source: () => Promise<Source>,
  names: readonly string[],
  logger: Logger,
): Promise<void> {
  if (names.length === 0) return;
  await delay(orphanSettleMs);
  for (const name of names) {
    for (let isSettled = false; !isSettled;) {
      try {
        const { endOffset } = await (await source()).bounds(parseTopicPartition(name));
        ledger.orphansEndAt(name, Number(endOffset));
        isSettled = true;
      } catch (error) {
        logger.debug({ name, error: String(error) }, 'gate: the end of a partition is not known yet');
        await delay(orphanSettleMs);
      }
    }
  }
}

async function followCommits(
  ledger: GateLedger,
  memberships: ReadonlyMap<string, Membership>,
  serve: () => void,
  logger: Logger,
): Promise<never> {
  for (;;) {
    for (const [groupId, names] of ledger.unreadByGroup()) {
      try {
        const found = await memberships.get(groupId)?.committed(names.map(parseTopicPartition));
        for (const tp of found ?? []) ledger.committed(groupId, topicPartitionName(tp), Number(tp.nextOffset));
      } catch (error) {
        logger.debug({ groupId, error: String(error) }, 'gate: commits are not known now');
      }
    }
    serve();
    await delay(commitPollMs);
    for (let ms = commitPollMs; ms < calmPollMs && !ledger.isPressed(); ms += commitPollMs) await delay(commitPollMs);
  }
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
    });
  });
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
