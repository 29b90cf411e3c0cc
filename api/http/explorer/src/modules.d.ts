declare module 'basemap' {
  const text: string;
  export default text;
}
