# Build: compilers and headers for the Kafka client, then the page. Run: Node and what was built, without root.
FROM node:24-bookworm AS build
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ zlib1g-dev libssl-dev libzstd-dev && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
RUN node --import tsx cli/start/build-page-child.ts dist/dashboard

FROM node:24-bookworm-slim
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends libssl3 zlib1g libzstd1 && rm -rf /var/lib/apt/lists/* \
  && mkdir /data && chown node:node /data
COPY --from=build /app ./
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 MILLRACE_EMBEDDED_DATA_DIR=/data MILLRACE_SERVER_HOST=0.0.0.0
VOLUME /data
EXPOSE 4700
USER node
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.MILLRACE_SERVER_PORT||4700)+'/livez').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["node", "cli/millrace.mjs"]
CMD ["start"]
