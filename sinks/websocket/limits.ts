// Everything in the gateway that can grow, and where it stops. Defaults fit a page with a few hundred charts.

export interface GatewayLimits {
  /** Sockets open at once; more are answered 503. */
  readonly clientsMax: number;
  readonly subscriptionsMax: number;
  /** Largest message that a client may send. */
  readonly messageBytesMax: number;
  /** Messages of one client in a second. */
  readonly messagesPerSecondMax: number;
  /** Frames waiting in one socket before what follows is conflated by row. */
  readonly clientQueueMax: number;
  /** As above, in bytes. */
  readonly clientQueueBytesMax: number;
  /** Changed rows that a slow client may be behind by before it is dropped. */
  readonly behindRowsMax: number;
  /** How long it may be behind before it is dropped. */
  readonly behindMaxMs: number;
  readonly authTimeoutMs: number;
  /** Pause between pings; two missed close the socket. */
  readonly heartbeatMs: number;
  /** Changes are collected this long and go out as one frame. */
  readonly tickMs: number;
  /** Pause between two rows of `system`. */
  readonly systemEveryMs: number;
  /** Rows of one frame. */
  readonly frameRowsMax: number;
  readonly resumeWindowMs: number;
  readonly resumeMessagesMax: number;
  /** Window rows held for one output; those of the oldest windows leave first. */
  readonly rowsPerOutputMax: number;
  /** How much event time is held of windows up to five minutes long. */
  readonly shortHorizonMs: number;
  /** The same of longer ones. */
  readonly longHorizonMs: number;
  /** Dead letters, late and quarantined records held. */
  readonly problemsMax: number;
  /** Alerts held. */
  readonly alertsMax: number;
  /** Attempts of webhooks held. */
  readonly deliveriesMax: number;
  /** Decisions held. */
  readonly decisionsMax: number;
  /** Pause between two updates of `decisions`, and how many decisions an update may add: more than eyes follow is only counted. */
  readonly decisionsEveryMs: number;
  readonly decisionsPerUpdateMax: number;
  /** Minutes of a series held by `predictions:<metric>`, and rows of minutes over all its series. */
  readonly predictionMinutesMax: number;
  readonly predictionRowsMax: number;
  /** Visitors whose list of recommendations is held for those who watch it. */
  readonly visitorsMax: number;
  /** Visitors' lists held for GET /v1/recommendations, about 1 KB each. */
  readonly listBytesMax: number;
  /** Records of lists read of each partition at the start. */
  readonly listTailRecords: number;
  /** How long a close may take before the socket is cut. */
  readonly closeTimeoutMs: number;
}

export const defaultLimits: GatewayLimits = {
  clientsMax: 1_000,
  subscriptionsMax: 32,
  messageBytesMax: 65_536,
  messagesPerSecondMax: 50,
  clientQueueMax: 1_000,
  clientQueueBytesMax: 1_048_576,
  behindRowsMax: 20_000,
  behindMaxMs: 30_000,
  authTimeoutMs: 5_000,
  heartbeatMs: 15_000,
  tickMs: 50,
  systemEveryMs: 1_000,
  frameRowsMax: 500,
  resumeWindowMs: 60_000,
  resumeMessagesMax: 10_000,
  rowsPerOutputMax: 10_000,
  shortHorizonMs: 2 * 3_600_000,
  longHorizonMs: 48 * 3_600_000,
  problemsMax: 100,
  alertsMax: 200,
  deliveriesMax: 200,
  decisionsMax: 100,
  decisionsEveryMs: 1_000,
  decisionsPerUpdateMax: 10,
  predictionMinutesMax: 180,
  predictionRowsMax: 20_000,
  visitorsMax: 2_000,
  listBytesMax: 268_435_456,
  listTailRecords: 2_000,
  closeTimeoutMs: 3_000,
};
