import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The role of SQL from people: it may read one database. */
export const readingRole = 'millrace_sql';

/**
 * Writes who may do what in the embedded engine into `folder`; gives the configuration file to open the engine with. Everybody is the user
 * `default`, who may do everything; a session that takes on `readingRole` keeps only reading `database`.
 */
export function writeAccess(folder: string, database: string): string {
  mkdirSync(folder, { recursive: true });
  const users = join(folder, 'users.xml');
  const config = join(folder, 'config.xml');
  writeFileSync(users, usersXml(database));
  writeFileSync(config, configXml(users));
  return config;
}

const usersXml = (database: string): string => `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles>
    <millrace_all><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></millrace_all>
    <${readingRole}><grants><query>GRANT SELECT ON \`${escaped(database)}\`.*</query></grants></${readingRole}>
  </roles>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip><ip>::1</ip><ip>::ffff:127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT millrace_all</query><query>GRANT ${readingRole}</query></grants>
    </default>
  </users>
</clickhouse>
`;

const configXml = (users: string): string => `<clickhouse>
  <user_directories><users_xml><path>${escaped(users)}</path></users_xml></user_directories>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
  </access_control_improvements>
</clickhouse>
`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
