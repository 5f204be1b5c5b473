# syntax=docker/dockerfile:1
# The production profile: docs/production.md says how to build and run it.

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
# What eng/librdkafka builds from where NuGet's librdkafka.redist does not restore.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libssl-dev libzstd-dev make npm zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
ENV DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

# What packages are wanted: restored again only when this changes.
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt ./
COPY eng/ eng/
COPY src/Analysis/Analysis.csproj src/Analysis/
COPY src/Ingest/Ingest.csproj src/Ingest/
COPY src/Alerts/Alerts.csproj src/Alerts/
COPY src/Daemon/Daemon.csproj src/Daemon/
# A private feed's address and password come as a secret and stay in no layer: docker build --secret id=nuget,src=NuGet.Config
RUN --mount=type=secret,id=nuget,target=/root/.nuget/NuGet/NuGet.Config \
    eng/librdkafka && dotnet restore src/Daemon -p:Profile=production

COPY .editorconfig ./
COPY src/ src/
RUN dotnet publish src/Daemon --configuration Release -p:Profile=production --no-restore --output /app \
    && mkdir -p /state

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# The container toolkit brings the driver (libcuda.so.1) for these. Without a GPU the daemon encodes on the processor and says so.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# No debugger's socket in /tmp: the root file system may be read-only.
ENV DOTNET_EnableDiagnostics=0
# The base image's 8080 on every address: where to listen is the configuration's.
ENV ASPNETCORE_HTTP_PORTS=
COPY --from=build /app /app
# The event log, the spool: the only place that is written to. Nobody's uid 1654 is the image's own user "app".
COPY --from=build --chown=1654:1654 /state /var/lib/driftwatch
VOLUME /var/lib/driftwatch
WORKDIR /var/lib/driftwatch
USER 1654:1654
EXPOSE 8080
# Dead only when a message has been in work for minutes; idle is healthy. Another port: override with --health-cmd, or use the orchestrator's probes.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["dotnet", "/app/driftwatch.dll"]
CMD ["run", "--config", "/etc/driftwatch/driftwatch.yaml"]
