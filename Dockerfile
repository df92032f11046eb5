# Two images from one file: `web` has no torch, `worker` has everything.

FROM node:22-slim AS front-end
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 STUDIO_DATA_DIR=/data
WORKDIR /app
RUN useradd --create-home studio && mkdir /data && chown studio /data
COPY requirements-web.txt ./
RUN pip install -r requirements-web.txt

FROM base AS web
COPY . .
RUN pybabel --quiet compile -d locale -D "django djangojs"
COPY --from=front-end /app/node_modules ./node_modules
USER studio
EXPOSE 8000
CMD ["gunicorn", "text2song.wsgi:application"]

FROM base AS worker
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . .
RUN pybabel --quiet compile -d locale -D "django djangojs"
COPY --from=front-end /app/node_modules ./node_modules
USER studio
CMD ["python", "manage.py", "qcluster"]
